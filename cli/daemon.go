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
	"github.com/notifypush/notifypush/actors/fleet"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
	_ "github.com/notifypush/notifypush/storage/mysql"
	_ "github.com/notifypush/notifypush/storage/postgres"
	_ "github.com/notifypush/notifypush/storage/sqlite"
	"github.com/notifypush/notifypush/transport"
	"github.com/notifypush/notifypush/transport/monitor"
	"github.com/notifypush/notifypush/transport/nextcloud"
	"github.com/notifypush/notifypush/transport/selftest"
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
	nextcloud *nextcloud.Client
	system    *actors.System
	websocket *transport.Websocket
	version   *selftest.AppVersion
	manager   *serviceManager
	handover  *handover
	fleet     *fleet.Fleet // nil: this server is alone
	clients   *http.Server
	operators *http.Server
	serving   sync.WaitGroup // of both
	closing   atomic.Bool

	reloads     *reloads      // nil: nothing is read again
	pageRefused chan struct{} // where to say that a page was refused
	history     *monitor.History
	latencies   latencies
	monitored   atomic.Pointer[monitor.Options] // as configured now
	leaveFleet  func()                          // does nothing before joinFleet
}

// newDaemon makes the parts; nothing is connected yet.
func newDaemon(settings config.Settings, log *logging) (*daemon, error) {
	d := &daemon{settings: settings, log: log, manager: newServiceManager(log.Logger), pageRefused: make(chan struct{}, 1), leaveFleet: func() {}}
	var err error
	if d.redis, err = storage.NewRedis(settings.Redis); err != nil {
		return nil, err
	}
	if d.mounts, err = storage.OpenMounts(settings.Database); err != nil {
		return nil, err
	}
	if d.nextcloud, err = nextcloud.New(nextcloudOptions(settings)); err != nil {
		return nil, err
	}
	ports := actors.Ports{
		Mounts:   timedMounts{d.mounts, &d.latencies},
		Verifier: timedVerifier{d.nextcloud, &d.latencies},
	}
	if d.fleet, err = d.newFleet(); err != nil {
		return nil, err
	}
	if d.fleet != nil {
		ports.Peers = d.fleet
	}
	ports.Events = eventSource{d.redis, d.fleet, log.Logger}
	ports.Control = &control{logging: log, redis: d.redis, fleet: d.fleet}
	if d.system, err = actors.New(ports, actorOptions(settings, log.Logger)); err != nil {
		return nil, err
	}
	websockets := websocketOptions(settings, log.Logger)
	websockets.OnOriginRefused = func() {
		select {
		case d.pageRefused <- struct{}{}:
		default:
		}
	}
	if d.websocket, err = transport.NewWebsocket(d.system, websockets); err != nil {
		return nil, err
	}
	d.version = selftest.NewAppVersion(d.redis, d.nextcloud, selftest.AppInfoFiles(settings.ConfigFile))
	d.handover = newHandover(settings, d.redis, log.Logger)
	d.clients = transport.NewServer(transport.NewHandler(d.websocket, d.websocket.LimitGuesses(selftest.New(selftest.Options{
		Keys: d.redis, System: d.system, Nextcloud: d.nextcloud, Version: d.version,
	})), Version()), log.Logger)
	d.history = monitor.NewHistory(d.system.Stats, d.problems)
	d.monitored.Store(&settings.Monitor)
	d.operators = transport.NewServer(d.guard().Handler(monitor.New(monitor.Source{
		Version: Version(), Stats: d.system.Stats, Problems: d.problems, Warning: d.warning, Probe: d.probe, Status: d.status(),
	})), log.Logger)
	monitor.LimitConnections(d.operators, monitor.MaxConnections)
	return d, nil
}

// What follows from settings of other parts, or of the machine.

func nextcloudOptions(s config.Settings) nextcloud.Options {
	s.Nextcloud.Timeout, s.Nextcloud.Concurrency = s.Actors.AuthTimeout, *s.Actors.AuthConcurrency
	return s.Nextcloud
}

func actorOptions(s config.Settings, log *zap.Logger) actors.Options {
	s.Actors.Logger = log
	s.Actors.AuthKey = handoverKey(s.Instance.Secret)
	return s.Actors
}

func websocketOptions(s config.Settings, log *zap.Logger) transport.WebsocketOptions {
	s.Websocket.Logger = log
	s.Websocket.Limits.Connections = maxConnections(s.Websocket.Limits.Connections)
	s.Websocket.Limits.Sockets = maxSockets()
	s.Websocket.DescribeClients = s.Monitor.On()
	if isOfFleet(s) {
		s.Websocket.FailureKey = fleetKey(s, "notify_push failed logins")
	}
	return s.Websocket
}

// run serves until ctx ends, and then lets go of the clients in order. What it depends on may be
// missing at any time; only a place to listen may not.
func (d *daemon) run(ctx context.Context) error {
	d.system.Start()
	clients, operators, err := d.listen(ctx)
	if err == nil {
		err = d.serve(ctx, clients, operators)
	}
	d.close()
	return err
}

// listen opens the clients' port, and the operators' where it is wanted. From then on clients can
// connect, and wait in the system's queue until they are served.
func (d *daemon) listen(ctx context.Context) (clients, operators net.Listener, err error) {
	clients, err = transport.Listen(ctx, d.settings.Listen)
	if err != nil || !d.settings.Monitor.On() {
		return clients, nil, err
	}
	operators, err = transport.Listen(ctx, monitorListen(d.settings))
	if err != nil {
		_ = clients.Close()
		return nil, nil, fmt.Errorf("metrics: %w", err)
	}
	return clients, operators, nil
}

// serve serves until ctx ends or a listener fails: operators at once, and clients when the logins of
// the process before are known, or have been waited for long enough.
func (d *daemon) serve(ctx context.Context, clients, operators net.Listener) error {
	background, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	failed := make(chan error, 2)
	if operators != nil {
		d.serving.Go(func() { serve(d.operators, operators, failed) })
		running.Go(func() { d.history.Run(background) })
		running.Go(func() { d.askRedis(background) })
	}
	if d.reloads != nil {
		running.Go(func() { d.reloads.run(background, d) })
	}
	tried := make(chan struct{})
	running.Go(func() { d.handover.take(background, d.system, tried) })
	waiting, stopWaiting := context.WithTimeout(ctx, d.handover.patience)
	defer stopWaiting()
	for _, known := range []<-chan struct{}{tried, d.joinFleet()} {
		select {
		case <-known:
		case <-waiting.Done():
		}
	}
	d.serving.Go(func() { serve(d.clients, d.websocket.Intercept(d.clients, clients), failed) })
	d.log.Info("serving", zap.String("version", Version()))
	running.Go(func() { d.learnVersion(background) })
	running.Go(func() { d.manager.run(background, d.system, d.probe) })
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	case err := <-d.websocket.Failed():
		return err
	}
}

// probe returns an error when the actors or the reading of sockets make no progress.
func (d *daemon) probe(ctx context.Context) error {
	if err := d.system.Probe(ctx); err != nil {
		return err
	}
	return d.websocket.Probe(ctx)
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
	unknown := outage{log: d.log.Logger, begins: "app version unknown", ends: "app version known"}
	for wait := firstVersionRetry; ; wait = min(2*wait, lastVersionRetry) {
		var err error
		if version := d.versionOfFleet(ctx); version != "" {
			d.version.Adopt(version)
		} else if ctx.Err() == nil {
			err = d.version.Learn(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			unknown.end()
			return
		}
		unknown.fail(err)
		if !pause(ctx.Done(), wait) {
			return
		}
	}
}

// close ends everything: first what lets clients in, then the clients, then what they need, and
// last the metrics.
func (d *daemon) close() {
	ctx, cancel := context.WithTimeout(context.Background(), *d.settings.Actors.DrainTimeout+closeTimeout)
	defer cancel()
	d.closing.Store(true)
	_ = d.clients.Close()
	d.websocket.EndLogins()
	d.handover.ttl = *d.settings.Actors.AuthResume
	left := func() {}
	if !d.peersStay(ctx) { // else they know the logins
		left = d.handover.leave(d.system)
	}
	if err := d.system.Shutdown(ctx); err != nil {
		d.log.Warn("shutdown incomplete", zap.Error(err))
	}
	d.websocket.Close()
	left()
	d.leaveFleet()
	_ = d.operators.Close()
	d.serving.Wait()
	d.nextcloud.Close()
	_ = d.mounts.Close()
	_ = d.redis.Close()
	d.log.Info("ended")
}
