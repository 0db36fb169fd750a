package loadtest

import (
	"context"
	"errors"
	"time"
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
		return errors.New("idle: no time can be negative")
	}
	return nil
}

func (i *Idle) run(ctx context.Context, b *bench) error {
	if err := wait(ctx, i.Settle); err != nil {
		return err
	}
	before, err := b.begin(ctx)
	if err != nil {
		return err
	}
	b.expectTime(i.For)
	if err := wait(ctx, i.For); err != nil {
		return err
	}
	after, c, err := b.end(ctx)
	if err != nil {
		return err
	}
	elapsed := time.Duration(after.at-before.at) * time.Microsecond
	if cpu, ok := before.cpu(after); ok {
		b.step.add("CPU", 100*cpu.Seconds()/elapsed.Seconds(), "% of a core")
	}
	b.step.add("pings", float64(c.Pings), "")
	b.step.add("pings a connection and minute", float64(c.Pings)/float64(max(c.Online, 1))/elapsed.Minutes(), "")
	b.step.add("connections lost", float64(b.connected-c.Online), "")
	b.addMemory(after, c.Online)
	b.addEndings(c.tally)
	b.addHarness(before, after, c.harness, c.Clients)
	return nil
}
