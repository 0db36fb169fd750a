// Package report is what a load test has measured: figures by scenario and step, as text, JSON or a page with plots, against the project's
// targets, and of two servers side by side with a verdict.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is the outcome of a load test.
type Report struct {
	Began   time.Time `json:"began"`
	Machine Machine   `json:"machine"`
	Results []Result  `json:"results"`
}

// Machine is where a load test ran.
type Machine struct {
	CPUs   int    `json:"cpus"`
	CPU    string `json:"cpu,omitempty"`
	Kernel string `json:"kernel,omitempty"`
	// Busy is how many further processes were computing all the time.
	Busy int `json:"busy,omitempty"`
}

// Result is what a scenario gave with one server.
type Result struct {
	Scenario string `json:"scenario"`
	About    string `json:"about,omitempty"`
	// Server is the label of the server, or its command; Round counts from 1.
	Server  string `json:"server"`
	Command string `json:"command,omitempty"`
	Round   int    `json:"round"`
	Clients int    `json:"clients"`
	// Resized: the targets are for another number of clients.
	Resized bool         `json:"resized,omitempty"`
	Steps   []StepResult `json:"steps"`
	Samples []Sample     `json:"samples,omitempty"`
	Seconds float64      `json:"seconds"`
	// Error is why it ended before its last step.
	Error string `json:"error,omitempty"`
}

// StepResult is what a step gave.
type StepResult struct {
	Step string `json:"step"`
	// Baseline: the step is not about the server.
	Baseline bool     `json:"baseline,omitempty"`
	Figures  []Figure `json:"figures"`
	// Latency is the distribution of the latencies, when there were any, and Logins that of the times that logins took.
	Latency []Quantile `json:"latency,omitempty"`
	Logins  []Quantile `json:"logins,omitempty"`
	// Notes say what a reader should know about the figures.
	Notes []string `json:"notes,omitempty"`
}

// Figure is something that was measured. docs/loadtest.md says what the names mean.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
	// Nodes are what it was at each node of a fleet; empty where that is not known, or where there is one server.
	Nodes []float64 `json:"nodes,omitempty"`
}

// perNode is what the figure was at each node, as text; "" without nodes.
func perNode(f Figure) string {
	var each []string
	for _, value := range f.Nodes {
		each = append(each, number(value))
	}
	return strings.Join(each, " · ")
}

// Quantile says that a share of all, from 0 to 1, took at most so long.
type Quantile struct {
	Share float64 `json:"share"`
	MS    float64 `json:"ms"`
}

// Sample is the state at a moment of a run.
type Sample struct {
	// Seconds since the run began.
	Seconds float64 `json:"seconds"`
	Step    string  `json:"step"`
	// Online are the clients that are logged in.
	Online int `json:"online"`
	// MemoryMiB is the server's; CPU is its use of it since the sample before, in percent of one core.
	MemoryMiB float64 `json:"memory_mib"`
	CPU       float64 `json:"cpu"`
	// Delivered are the pushes a second since the sample before, and LoginsPerSecond the logins.
	Delivered       float64 `json:"delivered"`
	LoginsPerSecond float64 `json:"logins"`
}

// Add adds a figure. It leaves out what was divided by nothing: that is no figure, and JSON has no form for it.
func (r *StepResult) Add(name string, value float64, unit string) {
	if !math.IsNaN(value) && !math.IsInf(value, 0) {
		r.Figures = append(r.Figures, Figure{Name: name, Value: value, Unit: unit})
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

// WriteJSON writes the report with what follows from it: the table of targets, and the comparison of two servers.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "\t")
	if err := encoder.Encode(struct {
		*Report
		Targets     []Row        `json:"targets,omitempty"`
		Comparisons []Comparison `json:"comparisons,omitempty"`
	}{r, r.Table(), r.Compare()}); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// WriteTable prints what each step of a result gave.
func (r *Result) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s\t%d clients\t%s\n", r.Scenario, r.Clients, r.Server)
	for _, step := range r.Steps {
		fmt.Fprintf(table, "  %s\t\t\n", step.Step)
		for _, f := range step.Figures {
			fmt.Fprintf(table, "    %s\t%s\t%s", f.Name, number(f.Value), f.Unit)
			if each := perNode(f); each != "" {
				fmt.Fprintf(table, "\t%s", each)
			}
			fmt.Fprintln(table)
		}
		for _, note := range step.Notes {
			fmt.Fprintf(table, "    %s\n", note)
		}
	}
	if r.Error != "" {
		fmt.Fprintf(table, "  failed: %s\n", r.Error)
	}
	return table.Flush()
}

// number prints whole numbers whole, and others with three digits.
func number(v float64) string {
	switch {
	case v == math.Trunc(v) || math.Abs(v) >= 1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) >= 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
}
