package loadtest

import "github.com/HdrHistogram/hdrhistogram-go"

// outcome is what came of one or more rounds.
type outcome struct {
	tally
	last             tally // of the last round
	events, expected int
	lastAfter        []float64 // ms from the beginning of each round until the last client had its last push
	seconds          float64   // the sum of the same
	latency          *hdrhistogram.Histogram
	lateness         *hdrhistogram.Histogram // the publisher's
	unheard          int
	publishing       float64 // seconds that publishing took
	harness          usage
}

func newOutcome() *outcome { return &outcome{latency: newHistogram(), lateness: newHistogram()} }

func (o *outcome) add(other *outcome) {
	o.tally.add(other.tally)
	o.Clients, o.Online = other.Clients, other.Online
	o.last = other.tally
	o.events += other.events
	o.expected += other.expected
	o.lastAfter = append(o.lastAfter, other.lastAfter...)
	o.seconds += other.seconds
	o.latency.Merge(other.latency)
	o.lateness.Merge(other.lateness)
	o.unheard += other.unheard
	o.publishing += other.publishing
	o.harness.Resident = other.harness.Resident
	o.harness.CPU += other.harness.CPU
}
