package loadtest

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"
)

// WriteTable prints what each step of a result gave.
func (r *Result) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s\t%d clients\t%s\n", r.Scenario, r.Clients, r.Server)
	for _, step := range r.Steps {
		fmt.Fprintf(table, "  %s\t\t\n", step.Step)
		for _, f := range step.Figures {
			fmt.Fprintf(table, "    %s\t%s\t%s\n", f.Name, number(f.Value), f.Unit)
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
