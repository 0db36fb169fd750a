package loadtest

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// histograms are the times that clients measure, in µs.
type histograms struct {
	latency  *hdrhistogram.Histogram // of pushes, from when they were due to be published
	loggedIn *hdrhistogram.Histogram // of logins, from the dial to "authenticated"
	came     *hdrhistogram.Histogram // of the same, from when counting began
}

func newHistograms() histograms {
	return histograms{latency: newHistogram(), loggedIn: newHistogram(), came: newHistogram()}
}

// newHistogram holds 1 µs to 10 minutes with three digits.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 600e6, 3) }

// record counts what is beyond the ends of a histogram at its ends.
func record(h *hdrhistogram.Histogram, microseconds int64) {
	_ = h.RecordValue(min(max(microseconds, 1), h.HighestTrackableValue()))
}

func (h histograms) all() []*hdrhistogram.Histogram {
	return []*hdrhistogram.Histogram{h.latency, h.loggedIn, h.came}
}

func (h histograms) reset() {
	for _, one := range h.all() {
		one.Reset()
	}
}

// encode and merge carry them from one process to another.
func (h histograms) encode() (all [][]byte, err error) {
	for _, one := range h.all() {
		encoded, err := one.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			return nil, fmt.Errorf("encode a histogram: %w", err)
		}
		all = append(all, encoded)
	}
	return all, nil
}

func (h histograms) merge(all [][]byte) error {
	if len(all) != len(h.all()) {
		return fmt.Errorf("a process of clients sent %d histograms instead of %d: is it another version?", len(all), len(h.all()))
	}
	for i, one := range h.all() {
		other, err := hdrhistogram.Decode(all[i])
		if err != nil {
			return fmt.Errorf("read a histogram of a process of clients: %w", err)
		}
		one.Merge(other)
	}
	return nil
}
