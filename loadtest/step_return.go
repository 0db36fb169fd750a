package loadtest

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/swarm"
)

// Cut drops all connections at once, as a proxy does that is restarted, and waits until the clients are back.
type Cut struct {
	// Rate is how many custom events a second are published meanwhile, to all users in turn; 0 means none.
	Rate float64 `yaml:"rate"`
}

func (c *Cut) run(ctx context.Context, e *execution) {
	e.comeBack(ctx, c.Rate, func(*snapshot) {
		e.check(e.swarm.Do(swarm.Command{Do: swarm.Drop}))
		e.notReading = 0 // clients that come back read
		e.awaitClients(ctx, func(c swarm.Counters) int { return c.Logins }, e.connected, returnTimeout)
	})
}

// Churn has clients leave and come back all the time, and finds what the server does not give back.
type Churn struct {
	// Rate is how many leave a second, in turn; 0 means 100. A client that is still away when its turn comes is left out.
	Rate float64 `yaml:"rate"`
	// Away is how long a client is away, on average; 0 means a second.
	Away time.Duration `yaml:"away"`
	// For is how long this goes on; 0 means a minute.
	For time.Duration `yaml:"for"`
}

func (c *Churn) run(ctx context.Context, e *execution) {
	rate, away := c.Rate, c.Away
	if rate == 0 {
		rate = 100
	}
	if away == 0 {
		away = time.Second
	}
	before := e.begin(ctx)
	e.check(e.swarm.Do(swarm.Command{Do: swarm.Churn, Rate: rate, Away: away}))
	e.expectTime(c.For)
	e.wait(ctx, c.For)
	e.check(e.swarm.Do(swarm.Command{Do: swarm.Churn}))
	e.awaitOnline(ctx)
	after, collected := e.end(ctx)
	if e.err == nil {
		e.addLogins(collected, before, after)
	}
}

// awaitOnline waits until all clients are back.
func (e *execution) awaitOnline(ctx context.Context) {
	e.await(ctx, returnTimeout, func(c swarm.Counters) int { return c.Online }, e.connected)
}

// Stall has clients stop reading, as a phone does that has gone into a tunnel. What is published to them from then on does not
// count as lost.
type Stall struct {
	// Clients is how many.
	Clients int `yaml:"clients"`
}

func (s *Stall) check() error {
	if s.Clients == 0 {
		return errors.New("clients missing")
	}
	return nil
}

func (s *Stall) run(_ context.Context, e *execution) {
	e.notReading = min(s.Clients, e.connected)
	e.step.Add("clients", float64(e.notReading), "")
	e.check(e.swarm.Do(swarm.Command{Do: swarm.Pause, Count: e.notReading}))
}

// Resume has those clients read again, and waits until all are there; those that the server has closed come back.
type Resume struct{}

func (*Resume) run(ctx context.Context, e *execution) {
	before := e.begin(ctx)
	e.resume(ctx)
	after, c := e.end(ctx)
	e.step.Add("closed by the server", float64(c.Disconnected()), "")
	e.step.Add("online at the end", float64(c.Online), "")
	e.addDisconnects(c.Counters)
	e.addMemory(after, c.Online)
	e.addHarness(before, after, c.Harness, c.Clients)
}

// resume has all clients read, and waits until all are there.
func (e *execution) resume(ctx context.Context) {
	e.check(e.swarm.Do(swarm.Command{Do: swarm.Resume}))
	e.notReading = 0
	// Those that were closed learn it only when they have read what was sent before.
	events := func(c swarm.Counters) int { return c.EverDelivered + c.Logins + c.Disconnected() }
	e.await(ctx, deliveryTimeout, events, math.MaxInt)
	e.awaitOnline(ctx)
}
