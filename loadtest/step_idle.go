package loadtest

import (
	"context"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/swarm"
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

func (i *Idle) run(ctx context.Context, e *execution) {
	e.wait(ctx, i.Settle)
	before := e.begin(ctx)
	e.expectTime(i.For)
	e.wait(ctx, i.For)
	after, c := e.end(ctx)
	if e.err != nil {
		return
	}
	elapsed := time.Duration(after.at-before.at) * time.Microsecond
	if cpu, ok := before.cpu(after); ok {
		e.step.Add("CPU", 100*cpu.Seconds()/elapsed.Seconds(), "% of a core")
	}
	e.step.Add("pings", float64(c.Pings), "")
	e.step.Add("pings a connection and minute", float64(c.Pings)/float64(max(c.Online, 1))/elapsed.Minutes(), "")
	e.step.Add("connections lost", float64(e.connected-c.Online), "")
	e.addNodes(before, after)
	e.addMemory(after, c.Online)
	e.addDisconnects(c.Counters)
	e.addHarness(before, after, c.Harness, c.Clients)
}

// Leave has all clients hang up; they may connect again.
type Leave struct {
	// Name is shown in reports; empty means "leave".
	Name string `yaml:"name"`
	// Settle is how long to wait then; 0 means not at all.
	Settle time.Duration `yaml:"settle"`
}

func (l *Leave) run(ctx context.Context, e *execution) {
	e.check(e.swarm.Do(swarm.Command{Do: swarm.Leave}))
	e.connected, e.notReading = 0, 0
	e.wait(ctx, l.Settle)
	e.addMemory(e.snapshot(ctx), 0)
}
