package loadtest

import (
	"context"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/notifypush/notifypush/loadtest/internal/process"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
)

// outcome is what came of one or more rounds of publishing, by a server or by the floor.
type outcome struct {
	swarm.Counters
	last             swarm.Counters // of the last round
	events, expected int
	lastAfter        []float64 // ms from the beginning of each round until the last client had its last push
	seconds          float64   // the sum of the same
	latency          *hdrhistogram.Histogram
	lateness         *hdrhistogram.Histogram // the publisher's
	noSubscriber     int                     // events
	publishing       float64                 // seconds that publishing took
	harness          process.Usage
}

func newOutcome() *outcome {
	return &outcome{latency: swarm.NewHistogram(), lateness: swarm.NewHistogram()}
}

// awaitDeliveries waits for the pushes of a round that began at a time.
func (e *execution) awaitDeliveries(ctx context.Context, began int64, expected int) *outcome {
	if e.scenario.Debounce && e.floorProcess == nil {
		e.wait(ctx, debounceTime)
	} else {
		e.await(ctx, deliveryTimeout, func(c swarm.Counters) int { return c.Delivered }, expected)
	}
	c := e.collect()
	o := &outcome{Counters: c.Counters, expected: expected, latency: c.Latency, lateness: swarm.NewHistogram(), harness: c.Harness}
	if c.Last > 0 {
		o.lastAfter = []float64{ms(c.Last - began)}
		o.seconds = float64(c.Last-began) / 1e6
	}
	return o
}

func (o *outcome) add(other *outcome) {
	o.Add(other.Counters)
	o.Clients, o.Online = other.Clients, other.Online
	o.last = other.Counters
	o.events += other.events
	o.expected += other.expected
	o.lastAfter = append(o.lastAfter, other.lastAfter...)
	o.seconds += other.seconds
	o.latency.Merge(other.latency)
	o.lateness.Merge(other.lateness)
	o.noSubscriber += other.noSubscriber
	o.publishing += other.publishing
	o.harness.Resident = other.harness.Resident
	o.harness.CPU += other.harness.CPU
}

// median is that of some values, the upper one of two.
func median(values []float64) float64 { return slices.Sorted(slices.Values(values))[len(values)/2] }
