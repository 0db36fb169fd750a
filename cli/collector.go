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
)

// collector tunes the garbage collector to what the server does. After a busy time it gives the
// memory that was used back to the system.
type collector struct {
	cycles uint64 // until the last tick
	busy   bool
	quiet  int // ticks
}

// runCollector tunes until ctx ends. It leaves the collector alone when the operator set GOGC.
func runCollector(ctx context.Context) {
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
			c.tick(collections())
		case <-ctx.Done():
			return
		}
	}
}

// tick is told how many collections there were since the start.
func (c *collector) tick(cycles uint64) {
	recent := cycles - c.cycles
	c.cycles = cycles
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
			debug.FreeOSMemory()
			c.cycles = collections()
		}
	}
}

func collections() uint64 {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
