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
	garbageIdle = 15
	garbageBusy = 100
)

const (
	collectorTick = time.Second
	// busyCycles is how many collections a tick make a busy time, and quietTicks how many ticks
	// without such end it.
	busyCycles = 2
	quietTicks = 3
	// manyEvents a tick make a busy time, too, and half as many have it go on. Pushes are late while a collection is under way, 50 to
	// 100 ms with 15,000 connections; with a quarter of garbage allowed there was one every two seconds at 2,000 events a second, and more
	// than one push of a hundred was late.
	manyEvents = 300
	// settledTicks are as many as it takes until connections to databases and Nextcloud are closed that a busy time, such as the start of
	// hundreds of instances, has needed: memory is given back once more then.
	settledTicks = 150
	// fewer is what part of the sockets' weight must have gone, and fewest how much at least, for the
	// memory that they took to be worth the trouble. While as much as fewest goes in a tick, it waits.
	fewer, fewest = 4, 256
)

// collector tunes the garbage collector to what the server does. It gives memory back to the system
// after a busy time, and when many have gone or logged in and it is quiet: they leave garbage and nothing that would
// collect it.
type collector struct {
	cycles uint64 // until the last tick
	events uint64 // until then
	busy   bool
	quiet  int // ticks; while busy, those without much garbage, and else those since then
	crowd  int // the most that sockets weighed since memory was given back
	weight int // what they weighed at the last tick
	gone   int // ticks since much of it is
}

// demand is what the collector follows.
type demand interface {
	weight() int    // of the sockets, of authenticated and unauthenticated clients
	events() uint64 // received by the instances that are served now
}

// runCollector tunes until ctx ends. It leaves the collector alone when the operator set GOGC.
func runCollector(ctx context.Context, demand demand) {
	if _, chosen := os.LookupEnv("GOGC"); chosen {
		return
	}
	debug.SetGCPercent(garbageBusy) // after a restart, all clients come at once
	c := &collector{cycles: collections(), events: demand.events(), busy: true}
	ticker := time.NewTicker(collectorTick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			c.tick(collections(), demand.weight(), demand.events())
		case <-ctx.Done():
			return
		}
	}
}

// tick gets how many collections and events there were since the start, and what sockets weigh.
func (c *collector) tick(cycles uint64, weight int, events uint64) {
	recent, heard := cycles-c.cycles, events-min(events, c.events) // an instance that is gone takes its events along
	c.cycles, c.events = cycles, events
	c.crowd = max(c.crowd, weight)
	if c.gone++; c.crowd-weight < max(c.crowd/fewer, fewest) || c.weight-weight >= fewest {
		c.gone = 0
	}
	arrived := weight - c.weight
	c.weight = weight
	switch {
	case recent >= busyCycles, heard >= manyEvents,
		c.busy && (heard >= manyEvents/2 || arrived >= fewest): // the more connections there are, the farther between are collections
		c.quiet = 0
		if !c.busy {
			c.busy = true
			debug.SetGCPercent(garbageBusy)
		}
	case c.busy:
		if c.quiet++; c.quiet >= quietTicks {
			c.busy = false
			debug.SetGCPercent(garbageIdle)
			c.giveBack(weight)
		}
	case c.gone >= quietTicks:
		c.giveBack(weight)
	case c.quiet < settledTicks:
		if c.quiet++; c.quiet == settledTicks {
			c.giveBack(weight)
		}
	}
}

func (c *collector) giveBack(weight int) {
	debug.FreeOSMemory()
	c.cycles, c.crowd, c.gone = collections(), weight, 0
}

func collections() uint64 {
	sample := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
