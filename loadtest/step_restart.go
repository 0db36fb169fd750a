package loadtest

import (
	"context"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/swarm"
)

// Restart ends the server with SIGTERM, starts it again, and waits until the clients are back. The nodes of a fleet are restarted one after
// the other, each when the one before is ready.
type Restart struct {
	// Name is shown in reports; empty means "restart".
	Name string `yaml:"name"`
	// Node is the number of the only one that is restarted, from 1; 0 means all in turn.
	Node int `yaml:"node"`
	// Kill ends it without asking.
	Kill bool `yaml:"kill"`
	// Down is how long it stays away.
	Down time.Duration `yaml:"down"`
	// Rate is how many custom events a second are published meanwhile, to all users in turn; 0 means none.
	Rate float64 `yaml:"rate"`
}

func (r *Restart) run(ctx context.Context, e *execution) {
	if e.notReading > 0 { // a client that does not read does not learn that the server has gone
		e.resume(ctx)
	}
	e.comeBack(ctx, r.Rate, func(before *snapshot) {
		var stopping, starting []float64
		for i := range e.nodes {
			if r.Node == 0 || r.Node == i+1 {
				stopped, started := r.restart(ctx, e, i, before)
				stopping, starting = append(stopping, stopped), append(starting, started)
			}
		}
		if e.err != nil {
			return
		}
		addLongest(e.step, "stopping took", stopping, "s")
		addLongest(e.step, "starting took", starting, "s")
		e.awaitReturn(ctx)
	})
}

// restart restarts a node, and returns how long it took to stop and to start.
func (r *Restart) restart(ctx context.Context, e *execution, i int, before *snapshot) (stopped, started float64) {
	if e.err != nil {
		return 0, 0
	}
	node, begun := e.nodes[i], time.Now()
	if r.Kill {
		node.Kill()
	} else {
		node.Stop(ctx)
	}
	stopped = time.Since(begun).Seconds()
	old := node.CPUTime()
	e.wait(ctx, r.Down)
	if e.err != nil {
		return 0, 0
	}
	e.check(node.Start(ctx, len(e.nodes)))
	before.replaceServer(i, old, node.Empty)
	return stopped, node.StartTook.Seconds()
}

// awaitReturn waits until all clients are back. Of a fleet some may have logged in more than once, and others not at all.
func (e *execution) awaitReturn(ctx context.Context) {
	const noticed = 100 * time.Millisecond // by clients whose connection has ended
	back := func(c swarm.Counters) int { return c.Logins }
	if len(e.nodes) > 1 {
		e.wait(ctx, noticed)
		back = func(c swarm.Counters) int { return c.Online }
	}
	e.awaitClients(ctx, back, e.connected, returnTimeout)
}
