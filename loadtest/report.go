package loadtest

import (
	"encoding/json"
	"fmt"
	"io"
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
