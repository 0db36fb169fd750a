package cli

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/signal"
)

// alone is the one instance of a process.
type alone struct {
	*instance
	daemon      *daemon
	pageRefused signal.Signal
}

// serveOne has the process serve one instance.
func (d *daemon) serveOne(result *config.Result, load func(context.Context) *config.Result) (*alone, error) {
	a := &alone{daemon: d, pageRefused: signal.New()}
	var err error
	a.instance, err = newInstance(instanceOptions{result: result, load: load, log: d.log, pageRefused: a.pageRefused.Set, adminToken: d.adminToken})
	d.tenants = a
	return a, err
}

func (a *alone) handler() http.Handler { return a.clients }

func (a *alone) intercept(server *http.Server, listener net.Listener) net.Listener {
	return a.websocket.Intercept(server, listener)
}

func (a *alone) pages() http.Handler { return a.instance.pages() }

func (a *alone) weight() int { return a.websocket.Weight() }

func (a *alone) events() uint64 { return a.system.Stats().EventsReceived }

// run reloads at each SIGHUP, and reads trusted_domains again after a page was refused.
func (a *alone) run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if a.daemon.settings.Monitor.On() {
		running.Go(func() { a.history.Run(ctx) })
		running.Go(func() { a.askRedis(ctx) })
	}
	for {
		select {
		case <-a.daemon.hangUps:
			a.reload(ctx)
		case <-a.pageRefused:
			a.readOrigins(ctx)
		case err := <-a.websocket.Failed():
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// reload has another configuration in force if it can be used.
func (a *alone) reload(ctx context.Context) {
	next, before := a.load(ctx), a.now
	err := checkReload(next)
	var needRestart []string
	if err == nil {
		needRestart, err = a.take(next)
	}
	if err != nil {
		a.log.warnUnusable(err)
		return
	}
	a.daemon.takeMonitor(next)
	if !slices.Equal(before.DotEnv, next.DotEnv) {
		logDotEnv(a.log.Logger, next)
	}
	a.log.warnNeedRestart(needRestart)
}
