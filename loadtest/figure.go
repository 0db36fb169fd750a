package loadtest

import (
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Figure is something that was measured.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

// StepResult is what a step gave.
type StepResult struct {
	Step    string   `json:"step"`
	Figures []Figure `json:"figures"`
	// Latency is the distribution of the latencies, when there were any, and Logins that of the times that logins took.
	Latency []Quantile `json:"latency,omitempty"`
	Logins  []Quantile `json:"logins,omitempty"`
	// Notes say what a reader should know about the figures.
	Notes []string `json:"notes,omitempty"`
}

// Quantile says that a share of all took at most so long.
type Quantile struct {
	Share float64 `json:"share"`
	MS    float64 `json:"ms"`
}

// add leaves out what was divided by nothing: that is no figure, and JSON has no form for it.
func (r *StepResult) add(name string, value float64, unit string) {
	if !math.IsNaN(value) && !math.IsInf(value, 0) {
		r.Figures = append(r.Figures, Figure{name, value, unit})
	}
}

// Figure returns the value of a figure.
func (r *StepResult) Figure(name string) (float64, bool) {
	for _, f := range r.Figures {
		if f.Name == name {
			return f.Value, true
		}
	}
	return 0, false
}

// addTimes adds the percentiles of a histogram in µs, as milliseconds.
func (r *StepResult) addTimes(name string, h *hdrhistogram.Histogram) {
	if h.TotalCount() == 0 {
		return
	}
	for _, p := range []struct {
		name string
		q    float64
	}{{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}} {
		r.add(name+" "+p.name, ms(h.ValueAtQuantile(p.q)), "ms")
	}
	r.add(name+" max", ms(h.Max()), "ms")
}

// ticksPerHalving is how many quantiles are reported of each half of what is left: 4 between 0.5 and 0.75, and so on.
const ticksPerHalving = 4

func quantiles(h *hdrhistogram.Histogram) (all []Quantile) {
	if h.TotalCount() == 0 {
		return nil
	}
	for _, bracket := range h.CumulativeDistributionWithTicks(ticksPerHalving) {
		all = append(all, Quantile{bracket.Quantile / 100, ms(bracket.ValueAt)})
	}
	return all
}

func ms(microseconds int64) float64 { return float64(microseconds) / 1e3 }

const (
	kib = 1 << 10
	mib = 1 << 20
)
