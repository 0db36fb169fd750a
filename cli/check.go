package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/notifypush/notifypush/config"
)

type checkCommand struct {
	config.Flags

	Offline     bool `help:"Resolve the settings only, and connect to nothing."`
	JSON        bool `name:"json" help:"Print one JSON object."`
	ShowSecrets bool `help:"Show passwords instead of ***."`
}

// Exit statuses of check.
const (
	exitProbeFailed  exitStatus = 1
	exitUnusable     exitStatus = 2
	checkMemoryLimit            = 32 << 20 // a hostile config.php is evaluated in bounds; this makes the collector keep to them
)

// checkReport is what check --json prints.
type checkReport struct {
	config.Report
	Probes []finding `json:"probes,omitempty"`
}

func (c *checkCommand) Run(p *process) error {
	debug.SetMemoryLimit(checkMemoryLimit)
	result := config.Load(p.ctx, c.Flags, os.LookupEnv)
	report := checkReport{Report: result.Report(c.ShowSecrets)}
	if !c.JSON {
		printSettings(p.stdout, report.Report)
	}
	if !c.Offline && result.Err() == nil {
		report.Probes = c.probe(p, result)
	}
	if c.JSON {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(report); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	}
	return report.status()
}

// probe tries everything, one after the other, and prints what it finds as it goes.
func (c *checkCommand) probe(p *process, result *config.Result) []finding {
	if !c.JSON {
		fmt.Fprintln(p.stdout)
	}
	var findings []finding
	paint := painter(p.stdout, result.Settings.NoANSI)
	for _, probe := range probes(result) {
		probe(p.ctx, func(f finding) {
			f.Detail = onOneLine(f.Detail)
			findings = append(findings, f)
			if !c.JSON {
				printFinding(p.stdout, f, paint)
			}
		})
	}
	return findings
}

// status is nil when everything is usable and nothing is red.
func (r checkReport) status() error {
	if len(r.Errors) > 0 {
		return exitUnusable
	}
	if slices.ContainsFunc(r.Probes, func(f finding) bool { return f.Status == red }) {
		return exitProbeFailed
	}
	return nil
}

// printSettings prints each setting that is set, with where it came from, and what is wrong.
func printSettings(w io.Writer, report config.Report) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(report.Settings)) {
		setting := report.Settings[name]
		for _, line := range flatten(name, setting.Value) {
			fmt.Fprintf(table, "%s\t%s\t%s\n", line[0], line[1], setting.Source)
		}
	}
	table.Flush()
	for _, unknown := range report.Unknown {
		fmt.Fprintf(w, "unknown: %s:%d: %s: %s\n", unknown.File, unknown.Line, unknown.Key, unknown.Reason)
	}
	for _, warning := range report.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	for _, problem := range report.Errors {
		fmt.Fprintf(w, "error: %s\n", problem)
	}
}

// flatten makes lines of a value: name and text, and one for each element of a map that is not empty.
func flatten(name string, value any) [][2]string {
	switch value := value.(type) {
	case nil:
		return nil
	case map[string]any:
		var lines [][2]string
		for _, key := range slices.Sorted(maps.Keys(value)) {
			lines = append(lines, flatten(name+"."+key, value[key])...)
		}
		return lines
	case []any:
		texts := make([]string, 0, len(value))
		for _, element := range value {
			texts = append(texts, fmt.Sprint(element))
		}
		return flatten(name, strings.Join(texts, ", "))
	}
	text := fmt.Sprint(value)
	if text == "" || text == "map[]" {
		return nil
	}
	return [][2]string{{name, text}}
}
