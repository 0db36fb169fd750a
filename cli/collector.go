package cli

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How much garbage may pile up, in percent of what lives. Idle connections are mostly memory and
// make hardly any garbage, so little is allowed while nothing happens; in a storm of logins or
// pushes, collecting so often would cost a third of the time.
const (
	garbageIdle = 25
	garbageBusy = 150
)

const (
	collectorTick = time.Second
	// busyCycles is how many collections a tick make a busy time, and quietTicks how many ticks
	// without such end it.
	busyCycles = 2
	quietTicks = 3
	// fewer is what part of the sockets must have gone, and fewest how many at least, for the memory
	// that they took to be worth the trouble.
	fewer, fewest = 4, 256
)

// collector tunes the garbage collector to what the server does. It gives memory back to the system
// after a busy time, and when many have gone: they leave garbage and nothing that would collect it.
type collector struct {
	cycles uint64 // until the last tick
	busy   bool
	quiet  int // ticks
	crowd  int // the most sockets since memory was given back
	gone   int // ticks since many of them are
}

// runCollector tunes until ctx ends. It leaves the collector alone when the operator set GOGC. sockets
// says how many clients and strangers there are.
func runCollector(ctx context.Context, sockets func() int) {
	if _, chosen := os.LookupEnv("GOGC"); chosen {
		return
	}
	debug.SetGCPercent(garbageBusy) // after a restart, all clients come at once
	c := &collector{cycles: collections(), busy: true}
	ticker := time.NewTicker(collectorTick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.tick(collections(), sockets())
		case <-ctx.Done():
			return
		}
	}
}

// tick is told how many collections there were since the start, and how many sockets there are.
func (c *collector) tick(cycles uint64, sockets int) {
	recent := cycles - c.cycles
	c.cycles = cycles
	c.crowd = max(c.crowd, sockets)
	if c.gone++; c.crowd-sockets < max(c.crowd/fewer, fewest) {
		c.gone = 0
	}
	switch {
	case recent >= busyCycles:
		c.quiet = 0
		if !c.busy {
			c.busy = true
			debug.SetGCPercent(garbageBusy)
		}
	case c.busy:
		if c.quiet++; c.quiet >= quietTicks {
			c.busy, c.quiet = false, 0
			debug.SetGCPercent(garbageIdle)
			c.giveBack(sockets)
		}
	case c.gone >= quietTicks:
		c.giveBack(sockets)
	}
}

func (c *collector) giveBack(sockets int) {
	debug.FreeOSMemory()
	c.cycles, c.crowd, c.gone = collections(), sockets, 0
}

func collections() uint64 {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
