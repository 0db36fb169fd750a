package loadtest

import (
	"context"
	"errors"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/clock"
)

// Idle leaves the clients connected and does nothing.
type Idle struct {
	// Name is shown in reports; empty means "idle".
	Name string `yaml:"name"`
	// For is how long to measure; 0 means a minute, in which each connection is pinged once or twice.
	For time.Duration `yaml:"for"`
	// Settle is how long to wait before.
	Settle time.Duration `yaml:"settle"`
}

func (i *Idle) title() string { return named(i.Name, "idle") }

func (i *Idle) check() error {
	if i.For < 0 || i.Settle < 0 {
		return errors.New("idle: negative time")
	}
	return nil
}

func (i *Idle) run(ctx context.Context, e *execution) error {
	if err := clock.Wait(ctx, i.Settle); err != nil {
		return err
	}
	before, err := e.begin(ctx)
	if err != nil {
		return err
	}
	e.expectTime(i.For)
	if err := clock.Wait(ctx, i.For); err != nil {
		return err
	}
	after, c, err := e.end(ctx)
	if err != nil {
		return err
	}
	elapsed := time.Duration(after.at-before.at) * time.Microsecond
	if cpu, ok := before.cpu(after); ok {
		e.step.Add("CPU", 100*cpu.Seconds()/elapsed.Seconds(), "% of a core")
	}
	e.step.Add("pings", float64(c.Pings), "")
	e.step.Add("pings a connection and minute", float64(c.Pings)/float64(max(c.Online, 1))/elapsed.Minutes(), "")
	e.step.Add("connections lost", float64(e.connected-c.Online), "")
	e.addMemory(after, c.Online)
	e.addDisconnects(c.Counters)
	e.addHarness(before, after, c.Harness, c.Clients)
	return nil
}

// Leave has all clients hang up; they may connect again.
type Leave struct {
	// Settle is how long to wait then; 0 means not at all.
	Settle time.Duration `yaml:"settle"`
}

func (*Leave) title() string { return "leave" }

func (l *Leave) check() error {
	if l.Settle < 0 {
		return errors.New("leave: negative settle")
	}
	return nil
}

func (l *Leave) run(ctx context.Context, e *execution) error {
	if err := e.swarm.Leave(); err != nil {
		return err
	}
	e.connected, e.notReading = 0, 0
	if err := clock.Wait(ctx, l.Settle); err != nil {
		return err
	}
	after, err := e.snapshot(ctx)
	if err != nil {
		return err
	}
	e.addMemory(after, 0)
	return nil
}
