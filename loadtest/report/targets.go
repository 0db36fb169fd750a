package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"
)

// target is a figure that this project wants to reach.
type target struct {
	What     string  `yaml:"what"`
	Scenario string  `yaml:"scenario"`
	Step     string  `yaml:"step"` // the first of this name
	Figure   string  `yaml:"figure"`
	Unit     string  `yaml:"unit"`
	Official string  `yaml:"official"` // what the daemon of the app gave
	First    float64 `yaml:"first"`
	Goal     float64 `yaml:"goal"`
}

//go:embed targets.yaml
var targetsFile []byte

func targets() (all []target) {
	decoder := yaml.NewDecoder(bytes.NewReader(targetsFile))
	decoder.KnownFields(true)
	if err := decoder.Decode(&all); err != nil {
		panic(fmt.Errorf("targets.yaml: %w", err)) // it is embedded, and tested
	}
	return all
}

// TargetScenarios are those that the table of targets needs, in its order.
func TargetScenarios() (names []string) {
	for _, t := range targets() {
		if !slices.Contains(names, t.Scenario) {
			names = append(names, t.Scenario)
		}
	}
	return names
}

// Row is a line of the table of targets.
type Row struct {
	What     string  `json:"what"`
	Server   string  `json:"server"`
	Measured float64 `json:"measured"` // the median of the rounds
	Unit     string  `json:"unit,omitempty"`
	Official string  `json:"official"`
	First    float64 `json:"first_target"`
	Goal     float64 `json:"goal"`
	// Reached is "goal", "first target" or "".
	Reached string `json:"reached"`
}

// Table compares what was measured with the targets, for each server. It has no row for what was not measured, or with another
// number of clients than the target is for.
func (r *Report) Table() (rows []Row) {
	r = &Report{Results: slices.DeleteFunc(slices.Clone(r.Results), func(result Result) bool { return result.Resized })}
	for _, server := range r.servers() {
		for _, t := range targets() {
			values := r.values(server, t.Scenario, t.Step, t.Figure)
			if len(values) == 0 {
				continue
			}
			row := Row{What: t.What, Server: server, Measured: spread(values).Median, Unit: t.Unit, Official: t.Official, First: t.First, Goal: t.Goal}
			row.Reached = t.reached(row.Measured)
			rows = append(rows, row)
		}
	}
	return rows
}

func (t target) reached(value float64) string {
	atLeast := func(wanted float64) bool {
		if directionOf(Figure{Name: t.Figure, Unit: t.Unit}) == high {
			return value >= wanted
		}
		return value <= wanted
	}
	switch {
	case atLeast(t.Goal):
		return "goal"
	case atLeast(t.First):
		return "first target"
	default:
		return ""
	}
}

// WriteTargets prints the table.
func WriteTargets(w io.Writer, rows []Row) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	server := ""
	for _, row := range rows {
		if row.Server != server {
			server = row.Server
			fmt.Fprintf(table, "%s\t\nwhat\tmeasured\t\tofficial\tfirst target\tgoal\treached\n", server)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row.What, number(row.Measured), row.Unit, row.Official,
			number(row.First), number(row.Goal), row.Reached)
	}
	return table.Flush()
}
