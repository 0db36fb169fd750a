package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/transport"
	"go.uber.org/zap"
)

// closeTimeout bounds the end beyond the time that draining may take.
const closeTimeout = 5 * time.Second

// daemon is the server, put together from its parts.
type daemon struct {
	settings  config.Settings
	log       *logging
	redis     *storage.Redis
	mounts    *storage.Mounts
	nextcloud *transport.Nextcloud
	system    *actors.System
	websocket *transport.Websocket
	version   *transport.AppVersion
	handover  *handover
	clients   *http.Server
	operators *http.Server // nil where it is not wanted
}

// newDaemon makes the parts; nothing is connected yet.
func newDaemon(settings config.Settings, log *logging) (*daemon, error) {
	d := &daemon{settings: settings, log: log}
	var err error
	if d.redis, err = storage.NewRedis(redisOptions(settings)); err != nil {
		return nil, err
	}
	if d.mounts, err = storage.OpenMounts(databaseOptions(settings)); err != nil {
		return nil, err
	}
	if d.nextcloud, err = transport.NewNextcloud(nextcloudOptions(settings)); err != nil {
		return nil, err
	}
	ports := actors.Ports{
		Events:   d.redis,
		Mounts:   d.mounts,
		Verifier: d.nextcloud,
		Control:  &control{logging: log, redis: d.redis},
	}
	if d.system, err = actors.New(ports, actorOptions(settings, log.Logger)); err != nil {
		return nil, err
	}
	if d.websocket, err = transport.NewWebsocket(d.system, websocketOptions(settings, log.Logger)); err != nil {
		return nil, err
	}
	d.version = transport.NewAppVersion(d.redis, d.nextcloud, transport.AppInfoFiles(settings.ConfigFile))
	d.handover = newHandover(settings, d.redis, log.Logger)
	return d, nil
}

// run serves until ctx ends, and then lets go of the clients in order. What it depends on may be
// missing at any time; only a place to listen may not.
func (d *daemon) run(ctx context.Context) error {
	d.system.Start()
	failed := make(chan error, 2)
	listenErr := d.listen(ctx, failed)
	if listenErr == nil {
		d.log.Info("serving", zap.String("version", Version()))
		background, cancel := context.WithCancel(ctx)
		go d.handover.take(background, d.system)
		go d.learnVersion(background)
		go newServiceManager(d.system, d.log.Logger).run(background)
		select {
		case <-ctx.Done():
		case listenErr = <-failed:
		}
		cancel()
	}
	d.close()
	return listenErr
}

// listen opens the clients' port, and the operator's where it is wanted.
func (d *daemon) listen(ctx context.Context, failed chan<- error) error {
	s := d.settings
	clients, err := transport.Listen(ctx, transport.ListenOptions{
		Bind: s.Bind, Port: s.Port, SocketPath: s.SocketPath, SocketPermissions: s.SocketPermissions,
		TLSCert: s.TLSCert, TLSKey: s.TLSKey,
	})
	if err != nil {
		return err
	}
	d.clients = transport.NewServer(transport.NewHandler(d.websocket, &transport.SelfTest{
		Keys: d.redis, System: d.system, Nextcloud: d.nextcloud, Version: d.version,
	}, Version()), d.log.Logger)
	d.websocket.CountSockets(d.clients)
	go serve(d.clients, clients, failed)
	if s.MetricsPort == 0 && s.MetricsSocketPath == "" {
		return nil
	}
	operators, err := transport.Listen(ctx, transport.ListenOptions{
		Bind: s.Bind, Port: s.MetricsPort, SocketPath: s.MetricsSocketPath, SocketPermissions: s.SocketPermissions,
	})
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	d.operators = transport.NewServer(transport.NewMonitor(transport.MonitorSource{
		Version: Version(), Stats: d.system.Stats, Problems: d.system.Problems, Probe: d.system.Probe,
	}), d.log.Logger)
	go serve(d.operators, operators, failed)
	return nil
}

func serve(server *http.Server, listener net.Listener, failed chan<- error) {
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		failed <- fmt.Errorf("serve at %s: %w", listener.Addr(), err)
	}
}

// learnVersion asks once which version of the app there is; the self test asks again.
func (d *daemon) learnVersion(ctx context.Context) {
	if err := d.version.Learn(ctx); err != nil && ctx.Err() == nil {
		d.log.Warn("the app's version is not known yet", zap.Error(err))
	}
}

// close ends everything: first what lets clients in, then the clients, then what they need, and
// last what tells operators how that goes.
func (d *daemon) close() {
	ctx, cancel := context.WithTimeout(context.Background(), d.settings.DrainTimeout+closeTimeout)
	defer cancel()
	d.handover.leave(ctx, d.system)
	if d.clients != nil {
		_ = d.clients.Close()
	}
	d.system.Shutdown(ctx)
	d.websocket.Close()
	if d.operators != nil {
		_ = d.operators.Close()
	}
	d.nextcloud.Close()
	_ = d.mounts.Close()
	_ = d.redis.Close()
	d.log.Info("ended")
}
