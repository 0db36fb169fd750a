package swarm

import "github.com/HdrHistogram/hdrhistogram-go"

// Histograms are the times that clients measure, in µs.
type Histograms struct {
	Latency  *hdrhistogram.Histogram // of pushes, from when they were due to be published
	Login    *hdrhistogram.Histogram // from the dial to "authenticated"
	LoginEnd *hdrhistogram.Histogram // from the reset to "authenticated"
	Away     *hdrhistogram.Histogram // from the end of a connection to "authenticated" in the next, of clients that came back of themselves
}

func newHistograms() Histograms {
	return Histograms{NewHistogram(), NewHistogram(), NewHistogram(), NewHistogram()}
}

// NewHistogram holds 1 µs to 10 minutes with three digits.
func NewHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 600e6, 3) }

// Record counts what is beyond the ends of a histogram at its ends.
func Record(h *hdrhistogram.Histogram, microseconds int64) {
	_ = h.RecordValue(min(max(microseconds, 1), h.HighestTrackableValue()))
}

func (h Histograms) all() []*hdrhistogram.Histogram {
	return []*hdrhistogram.Histogram{h.Latency, h.Login, h.LoginEnd, h.Away}
}

func (h Histograms) reset() {
	for _, one := range h.all() {
		one.Reset()
	}
}

// export and merge carry them from one worker to the swarm.
func (h Histograms) export() (all []*hdrhistogram.Snapshot) {
	for _, one := range h.all() {
		all = append(all, one.Export())
	}
	return all
}

func (h Histograms) merge(all []*hdrhistogram.Snapshot) {
	for i, other := range all {
		h.all()[i].Merge(hdrhistogram.Import(other))
	}
}
