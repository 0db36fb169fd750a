package loadtest

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/clock"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
)

// Cut drops all connections at once, as a proxy does that is restarted, and waits until the clients are back.
type Cut struct{}

func (*Cut) title() string { return "cut" }
func (*Cut) check() error  { return nil }

func (*Cut) run(ctx context.Context, e *execution) error {
	before, err := e.begin(ctx)
	if err != nil {
		return err
	}
	if err := e.swarm.Drop(); err != nil {
		return err
	}
	e.notReading = 0 // clients that come back read
	return e.awaitLogins(ctx, before, e.connected, returnTimeout)
}

// Restart ends the server with SIGTERM, starts it again, and waits until the clients are back.
type Restart struct {
	// Kill ends it without asking.
	Kill bool `yaml:"kill"`
	// Down is how long it stays away.
	Down time.Duration `yaml:"down"`
}

func (*Restart) title() string { return "restart" }

func (r *Restart) check() error {
	if r.Down < 0 {
		return errors.New("restart: negative down")
	}
	return nil
}

func (r *Restart) run(ctx context.Context, e *execution) error {
	if e.notReading > 0 { // a client that does not read does not learn that the server has gone
		if err := e.resume(ctx); err != nil {
			return err
		}
	}
	before, err := e.begin(ctx)
	if err != nil {
		return err
	}
	if r.Kill {
		e.server.Kill()
	} else {
		e.server.Stop(ctx)
	}
	stopped := float64(clock.Now()-before.at) / 1e6
	old := e.server.CPUTime()
	if err := clock.Wait(ctx, r.Down); err != nil {
		return err
	}
	if err := e.server.Start(ctx); err != nil {
		return err
	}
	e.step.Add("stopping took", stopped, "s")
	e.step.Add("starting took", e.server.StartTook.Seconds(), "s")
	before.replaceServer(old, e.server.AtStart)
	return e.awaitLogins(ctx, before, e.connected, returnTimeout)
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

func (*Churn) title() string { return "churn" }

func (c *Churn) check() error {
	if c.Rate < 0 || c.Away < 0 || c.For < 0 {
		return errors.New("churn: negative number")
	}
	return nil
}

func (c *Churn) run(ctx context.Context, e *execution) error {
	rate, away := c.Rate, c.Away
	if rate == 0 {
		rate = 100
	}
	if away == 0 {
		away = time.Second
	}
	before, err := e.begin(ctx)
	if err != nil {
		return err
	}
	if err := e.swarm.Churn(rate, away); err != nil {
		return err
	}
	e.expectTime(c.For)
	if err := clock.Wait(ctx, c.For); err != nil {
		return err
	}
	if err := e.swarm.Churn(0, 0); err != nil {
		return err
	}
	if err := e.awaitOnline(ctx); err != nil {
		return err
	}
	after, collected, err := e.end(ctx)
	if err != nil {
		return err
	}
	e.addLogins(collected, before, after)
	return nil
}

// awaitOnline waits until all clients are back.
func (e *execution) awaitOnline(ctx context.Context) error {
	_, _, err := e.swarm.Await(ctx, returnTimeout, func(c swarm.Counters) int { return c.Online }, e.connected)
	return err
}

// Stall has clients stop reading, as a phone does that has gone into a tunnel. What is published to them from then on does not
// count as lost.
type Stall struct {
	// Clients is how many.
	Clients int `yaml:"clients"`
}

func (*Stall) title() string { return "stall" }

func (s *Stall) check() error {
	if s.Clients < 1 {
		return errors.New("stall: clients missing")
	}
	return nil
}

func (s *Stall) run(_ context.Context, e *execution) error {
	e.notReading = min(s.Clients, e.connected)
	e.step.Add("clients", float64(e.notReading), "")
	return e.swarm.Pause(e.notReading)
}

// Resume has those clients read again, and waits until all are there; those that the server has closed come back.
type Resume struct{}

func (*Resume) title() string { return "resume" }
func (*Resume) check() error  { return nil }

func (*Resume) run(ctx context.Context, e *execution) error {
	before, err := e.begin(ctx)
	if err != nil {
		return err
	}
	if err := e.resume(ctx); err != nil {
		return err
	}
	after, c, err := e.end(ctx)
	if err != nil {
		return err
	}
	e.step.Add("closed by the server", float64(c.Disconnected()), "")
	e.step.Add("online at the end", float64(c.Online), "")
	e.addDisconnects(c.Counters)
	e.addMemory(after, c.Online)
	e.addHarness(before, after, c.Harness, c.Clients)
	return nil
}

// resume has all clients read, and waits until all are there.
func (e *execution) resume(ctx context.Context) error {
	if err := e.swarm.Resume(); err != nil {
		return err
	}
	e.notReading = 0
	// Those that were closed learn it only when they have read what was sent before.
	events := func(c swarm.Counters) int { return c.EverDelivered + c.Logins + c.Disconnected() }
	if _, _, err := e.swarm.Await(ctx, deliveryTimeout, events, math.MaxInt); err != nil {
		return err
	}
	return e.awaitOnline(ctx)
}
