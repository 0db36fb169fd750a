package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/transport"
	"go.uber.org/zap"
)

// closeTimeout bounds the end beyond the time that draining may take.
const closeTimeout = 5 * time.Second

// The wait before the app's version is asked for again doubles from the first to the last.
const firstVersionRetry, lastVersionRetry = time.Second, time.Minute

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
	closing   atomic.Bool
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
	background, cancel := context.WithCancel(ctx)
	defer cancel()
	d.handover.take(background, d.system)
	failed := make(chan error, 2)
	var running sync.WaitGroup
	listenErr := d.listen(ctx, failed)
	if listenErr == nil {
		d.log.Info("serving", zap.String("version", Version()))
		running.Go(func() { d.learnVersion(background) })
		running.Go(func() { newServiceManager(d.system, d.log.Logger).run(background) })
		select {
		case <-ctx.Done():
		case listenErr = <-failed:
		}
	}
	cancel()
	running.Wait()
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
	go serve(d.clients, d.websocket.CountSockets(d.clients, clients), failed)
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
		Version: Version(), Stats: d.system.Stats, Problems: d.problems, Probe: d.system.Probe,
	}), d.log.Logger)
	go serve(d.operators, operators, failed)
	return nil
}

func serve(server *http.Server, listener net.Listener, failed chan<- error) {
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		failed <- fmt.Errorf("serve at %s: %w", listener.Addr(), err)
	}
}

// problems says why the server is not ready.
func (d *daemon) problems() map[string]string {
	problems := d.system.Problems()
	if d.closing.Load() {
		problems["shutdown"] = actors.ErrShutDown.Error()
	}
	return problems
}

// learnVersion asks which version of the app there is, until it is known; the self test asks again.
func (d *daemon) learnVersion(ctx context.Context) {
	for wait := firstVersionRetry; ; wait = min(2*wait, lastVersionRetry) {
		err := d.version.Learn(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if wait == firstVersionRetry {
			d.log.Warn("the app's version is not known yet", zap.Error(err))
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// close ends everything: first what lets clients in, then the clients, then what they need, and
// last what tells operators how that goes.
func (d *daemon) close() {
	ctx, cancel := context.WithTimeout(context.Background(), d.settings.DrainTimeout+closeTimeout)
	defer cancel()
	d.closing.Store(true)
	if d.clients != nil {
		_ = d.clients.Close()
	}
	d.handover.leave(ctx, d.system)
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
