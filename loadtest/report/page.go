package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"number":  number,
	"perNode": perNode,
	"width":   func() float64 { return plotWidth },
	"frame": func() [4]float64 {
		return [4]float64{plotLeft, plotTop, plotWidth - plotRight, plotHeight - plotBottom}
	},
	"middle": func() float64 { return (plotLeft + plotWidth - plotRight) / 2 },
	"add":    func(a, b float64) float64 { return a + b },
}).Parse(pageText))

// page is what the template shows.
type page struct {
	*Report
	Servers     []string // labels
	Commands    map[string]string
	Rounds      bool // there are several
	Targets     []Row
	Comparisons []Comparison
	Sections    []section
}

// section is a scenario, with all its runs.
type section struct {
	Scenario, About string
	Plots           []plot
	Runs            []Result
}

// WritePage writes the report as one HTML page that needs nothing else.
func (r *Report) WritePage(w io.Writer) error {
	p := page{Report: r, Servers: r.servers(), Commands: map[string]string{}, Targets: r.Table(), Comparisons: r.Compare()}
	for _, result := range r.Results {
		p.Rounds = p.Rounds || result.Round > 1
		p.Commands[result.Server] = result.Command
		i := slices.IndexFunc(p.Sections, func(s section) bool { return s.Scenario == result.Scenario })
		if i < 0 {
			i = len(p.Sections)
			p.Sections = append(p.Sections, section{Scenario: result.Scenario, About: result.About})
		}
		p.Sections[i].Runs = append(p.Sections[i].Runs, result)
	}
	for i := range p.Sections {
		p.Sections[i].draw()
	}
	if err := pageTemplate.Execute(w, p); err != nil {
		return fmt.Errorf("write the page of the report: %w", err)
	}
	return nil
}

// draw draws the curves of all runs into one plot of each kind.
func (s *section) draw() {
	var latency, logins, online, memory, cpu, delivered []series
	for _, run := range s.Runs {
		for _, step := range run.Steps {
			latency = appendShares(latency, s.label(run, step.Step), step.Latency)
			logins = appendShares(logins, s.label(run, step.Step), step.Logins)
		}
		label := s.label(run, "")
		over := func(value func(Sample) float64) series {
			points := make([]point, 0, len(run.Samples))
			for _, sample := range run.Samples {
				points = append(points, point{sample.Seconds, value(sample)})
			}
			return series{label, points}
		}
		online = append(online, over(func(s Sample) float64 { return float64(s.Online) }))
		memory = append(memory, over(func(s Sample) float64 { return s.MemoryMiB }))
		cpu = append(cpu, over(func(s Sample) float64 { return s.CPU }))
		delivered = append(delivered, over(func(s Sample) float64 { return s.Delivered }))
	}
	curves := slices.ContainsFunc(online, func(s series) bool { return len(s.points) > 1 }) // and not points that nobody sees
	if curves {
		s.Plots = []plot{
			timePlot("Clients online", "clients", online),
			timePlot("Memory of the server", "MiB", memory),
			timePlot("CPU of the server", "% of a core", cpu),
		}
	}
	if curves && slices.ContainsFunc(delivered, func(s series) bool {
		return slices.ContainsFunc(s.points, func(p point) bool { return p.y > 0 })
	}) {
		s.Plots = append(s.Plots, timePlot("Pushes delivered", "a second", delivered))
	}
	if len(latency) > 0 {
		s.Plots = append([]plot{latencyPlot("Latency, from when an event was due", latency)}, s.Plots...)
	}
	if len(logins) > 0 {
		s.Plots = append(s.Plots, latencyPlot("Time to connect and log in", logins))
	}
}

func appendShares(all []series, label string, quantiles []Quantile) []series {
	if len(quantiles) == 0 {
		return all
	}
	var points []point
	for _, q := range quantiles {
		points = append(points, point{q.Share, q.MS})
	}
	return append(all, series{label, points})
}

// label tells the runs of a section apart, as far as there are several.
func (s *section) label(run Result, step string) string {
	if len(s.Runs) > 1 {
		return fmt.Sprintf("%s %s, round %d", step, run.Server, run.Round)
	}
	return step
}
