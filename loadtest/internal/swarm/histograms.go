package swarm

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histograms are the times that clients measure, in µs.
type Histograms struct {
	Latency  *hdrhistogram.Histogram // of pushes, from when they were due to be published
	Login    *hdrhistogram.Histogram // from the dial to "authenticated"
	LoginEnd *hdrhistogram.Histogram // from the reset to "authenticated"
}

func newHistograms() Histograms {
	return Histograms{NewHistogram(), NewHistogram(), NewHistogram()}
}

// NewHistogram holds 1 µs to 10 minutes with three digits.
func NewHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 600e6, 3) }

// Record counts what is beyond the ends of a histogram at its ends.
func Record(h *hdrhistogram.Histogram, microseconds int64) {
	_ = h.RecordValue(min(max(microseconds, 1), h.HighestTrackableValue()))
}

func (h Histograms) all() []*hdrhistogram.Histogram {
	return []*hdrhistogram.Histogram{h.Latency, h.Login, h.LoginEnd}
}

func (h Histograms) reset() {
	for _, one := range h.all() {
		one.Reset()
	}
}

// encode and merge carry them from one process to another.
func (h Histograms) encode() (all [][]byte, err error) {
	for _, one := range h.all() {
		encoded, err := one.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			return nil, fmt.Errorf("encode a histogram: %w", err)
		}
		all = append(all, encoded)
	}
	return all, nil
}

func (h Histograms) merge(all [][]byte) error {
	if len(all) != len(h.all()) {
		return fmt.Errorf("%d histograms from a helper process instead of %d: is it another version?", len(all), len(h.all()))
	}
	for i, one := range h.all() {
		other, err := hdrhistogram.Decode(all[i])
		if err != nil {
			return fmt.Errorf("read a histogram of a helper process: %w", err)
		}
		one.Merge(other)
	}
	return nil
}
