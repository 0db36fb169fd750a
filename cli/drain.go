package cli

import (
	"context"
	"maps"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors"
)

// newcomers knows why this server should be sent none, and drains it where that concerns the clients that it has, too. It is safe
// for concurrent use.
type newcomers struct {
	// set once
	system drainable
	log    *zap.Logger

	mu      sync.Mutex
	reasons map[string]string // guarded by mu: a sentence by name
	drained map[string]bool   // guarded by mu: the names of those for which clients are let go
}

// drainable is what lets its clients go: an actors.System, or several.
type drainable interface {
	Drain() error
	Undrain()
}

// The names of reasons. Nothing in the sentences is secret: anybody may read them.
const (
	reasonDrained  = "drain"
	reasonDeaf     = "deaf"
	reasonShutDown = "shutdown"
)

func newNewcomers(system drainable, log *zap.Logger) *newcomers {
	return &newcomers{system: system, log: log, reasons: map[string]string{}, drained: map[string]bool{}}
}

// problems are why newcomers should go elsewhere; none of it is what all servers of the same Nextcloud have.
func (n *newcomers) problems() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.reasons)
}

// sendElsewhere adds a reason that leaves the clients that are there alone.
func (n *newcomers) sendElsewhere(reason string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reasons[reasonShutDown] = reason
}

// letGo adds a reason to close all connections, and reports whether it is new.
func (n *newcomers) letGo(name, reason string) (isNew bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.drained[name] {
		return false, nil
	}
	if err := n.system.Drain(); err != nil {
		return false, err
	}
	n.reasons[name], n.drained[name] = reason, true
	return true, nil
}

// take takes a reason away, and reports whether it was there. Clients are taken again when no other is left.
func (n *newcomers) take(name string) (was bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	was = n.drained[name]
	delete(n.reasons, name)
	delete(n.drained, name)
	if len(n.drained) == 0 {
		n.system.Undrain()
	}
	return was
}

// ifDrained calls do if an operator has drained it. That does not end before do does.
func (n *newcomers) ifDrained(do func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.drained[reasonDrained] {
		do()
	}
}

// drain does what an operator wants.
func (n *newcomers) drain(on bool) error {
	if !on {
		if n.take(reasonDrained) {
			n.log.Warn("clients are taken again")
		}
		return nil
	}
	isNew, err := n.letGo(reasonDrained, "an administrator has this server let its clients go")
	if isNew {
		n.log.Warn("drained: clients are closed, and newcomers refused")
	}
	return err
}

// onDeaf moves the clients of a server that hears no events while others do.
func (n *newcomers) onDeaf(deaf bool) {
	if !deaf {
		n.take(reasonDeaf)
		n.log.Warn("deaf no more: events are received, and clients taken")
		return
	}
	if _, err := n.letGo(reasonDeaf, "this server receives no events, and others do"); err == nil {
		n.log.Warn("deaf: other servers receive events, so clients are closed")
	}
}

// drainSignals takes SIGUSR1 and SIGUSR2 from now on, so that neither ends the server while it waits for its configuration.
func drainSignals() chan os.Signal {
	signals := make(chan os.Signal, 16) // the last one counts
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	return signals
}

// obeyDrains drains at SIGUSR1, and takes clients again at SIGUSR2, until ctx ends.
func (d *daemon) obeyDrains(ctx context.Context) {
	for {
		select {
		case s := <-d.drains:
			if err := d.tenants.drain(s == syscall.SIGUSR1); err != nil {
				d.log.Warn("cannot drain", zap.Error(err))
			}
		case <-ctx.Done():
			return
		}
	}
}

// beLameDuck goes on for a while after the server was asked to end, and sends newcomers elsewhere.
func (d *daemon) beLameDuck(failed <-chan error) error {
	d.tenants.sendElsewhere(actors.ErrShutDown.Error())
	over := time.NewTimer(d.settings.Fleet.LameDuck)
	defer over.Stop()
	select {
	case <-over.C:
		return nil
	case err := <-failed:
		return err
	}
}
