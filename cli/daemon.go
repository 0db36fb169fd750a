package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/transport"
	"github.com/notifypush/notifypush/transport/monitor"
)

// daemon is the process: it listens, for clients and for operators, and reports to the service manager. What it serves are its tenants.
type daemon struct {
	log       *logging
	manager   *serviceManager
	tenants   tenants
	settings  config.Settings // of the process
	monitored atomic.Pointer[monitor.Options]
	hangUps   chan os.Signal // SIGHUP; nil: it is not taken
	drains    chan os.Signal // SIGUSR1 and SIGUSR2; nil: they are not taken
	clients   *http.Server
	operators *http.Server
	serving   sync.WaitGroup // of both
}

// tenants are whom a process serves: one instance (alone), or those of a folder (hosting). start, run and close are called once, in that
// order; the rest is safe for concurrent use.
type tenants interface {
	// handler serves the clients' requests, but for the handshakes that intercept answers.
	handler() http.Handler
	intercept(server *http.Server, listener net.Listener) net.Listener
	// pages are the operators'.
	pages() http.Handler
	// start begins to hear events; clients is where the clients' port is. What it returns is closed when clients may be served.
	start(ctx context.Context, clients net.Addr) (known <-chan struct{})
	// run reads the configuration again when that is asked for, until ctx ends or no client can be served any more.
	run(ctx context.Context) error
	// drain lets all clients go and refuses newcomers, or takes clients again.
	drain(on bool) error
	// sendElsewhere has load balancers send newcomers to other servers.
	sendElsewhere(reason string)
	// endLogins is called at the end, before close.
	endLogins()
	close()

	problems() map[string]string
	probe(ctx context.Context) error
	demand
}

// newDaemon makes the process; it has no tenants yet.
func newDaemon(settings config.Settings, log *logging) *daemon {
	d := &daemon{settings: settings, log: log, manager: newServiceManager(log.Logger)}
	d.monitored.Store(&settings.Monitor)
	return d
}

// catchHangUps takes SIGHUP from now on, so that it ends nothing while the server waits for its configuration. It may also come of a
// terminal that is closed, which does no harm.
func catchHangUps() chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals
}

// run serves until ctx ends, and then lets go of the clients in order. What it depends on may be
// missing at any time; only a place to listen may not.
func (d *daemon) run(ctx context.Context) error {
	d.clients = transport.NewServer(d.tenants.handler(), d.log.Logger)
	d.operators = transport.NewServer(d.guard().Handler(d.tenants.pages()), d.log.Logger)
	monitor.LimitConnections(d.operators, monitor.MaxConnections)
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

// serve serves until ctx ends or a listener fails: operators at once, and clients when the tenants know what they need.
func (d *daemon) serve(ctx context.Context, clients, operators net.Listener) error {
	background, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	failed := make(chan error, 3)
	if operators != nil {
		d.serving.Go(func() { serve(d.operators, operators, failed) })
	}
	known := d.tenants.start(ctx, clients.Addr())
	running.Go(func() {
		if err := d.tenants.run(background); err != nil {
			failed <- err
		}
	})
	select {
	case <-known:
	case <-ctx.Done():
	}
	d.serving.Go(func() { serve(d.clients, d.tenants.intercept(d.clients, clients), failed) })
	d.log.Info("serving", zap.String("version", Version()))
	running.Go(func() { d.obeyDrains(background) })
	running.Go(func() { d.manager.run(background, d.tenants.problems, d.tenants.probe) })
	select {
	case <-ctx.Done():
		return d.beLameDuck(failed)
	case err := <-failed:
		return err
	}
}

func serve(server *http.Server, listener net.Listener, failed chan<- error) {
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		failed <- fmt.Errorf("serve at %s: %w", listener.Addr(), err)
	}
}

// close ends everything: first what lets clients in, then the clients, then what they need, and
// last the metrics.
func (d *daemon) close() {
	_ = d.clients.Close()
	d.tenants.endLogins()
	d.tenants.close()
	_ = d.operators.Close()
	d.serving.Wait()
	d.log.Info("ended")
}

// takeMonitor has another configuration's tokens count.
func (d *daemon) takeMonitor(next *config.Result) { d.monitored.Store(&next.Settings.Monitor) }

func (d *daemon) adminToken() actors.Secret { return d.monitored.Load().AdminToken }
