package report

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Comparison is a figure of two servers, A and B in the order in which they were given, over several rounds.
type Comparison struct {
	Scenario string  `json:"scenario"`
	Step     string  `json:"step"`
	Figure   string  `json:"figure"`
	Unit     string  `json:"unit,omitempty"`
	A        Spread  `json:"a"`
	B        Spread  `json:"b"`
	Ratio    *Spread `json:"ratio,omitempty"` // B / A in each round that has both; nil when an A is 0 or less
	Verdict  Verdict `json:"verdict,omitempty"`
}

// Spread is what several rounds gave.
type Spread struct {
	Low    float64 `json:"low"`
	Median float64 `json:"median"`
	High   float64 `json:"high"`
}

func spread(values []measured) Spread {
	var sorted []float64
	for _, m := range values {
		sorted = append(sorted, m.value)
	}
	slices.Sort(sorted)
	n := len(sorted)
	return Spread{sorted[0], (sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[n-1]}
}

func (s Spread) String() string {
	if s.Low == s.High {
		return number(s.Median) + "\t"
	}
	return fmt.Sprintf("%s\t%s–%s", number(s.Median), number(s.Low), number(s.High))
}

// servers are the labels in the order in which they were given.
func (r *Report) servers() (labels []string) {
	for _, result := range r.Results {
		if !slices.Contains(labels, result.Server) {
			labels = append(labels, result.Server)
		}
	}
	return labels
}

// measured is what a figure was in a round.
type measured struct {
	round int
	value float64
}

// values are what a figure was in the rounds in which it was measured.
func (r *Report) values(server, scenario, step, figure string) (values []measured) {
	for _, result := range r.Results {
		if result.Server != server || result.Scenario != scenario {
			continue
		}
		i := slices.IndexFunc(result.Steps, func(s StepResult) bool { return s.Step == step })
		if i < 0 {
			continue
		}
		if value, ok := result.Steps[i].Figure(figure); ok {
			values = append(values, measured{result.Round, value})
		}
	}
	return values
}

// Compare compares two servers, figure by figure; it gives nothing for one.
func (r *Report) Compare() (all []Comparison) {
	servers := r.servers()
	if len(servers) < 2 {
		return nil
	}
	seen := map[[3]string]bool{}
	for _, result := range r.Results {
		for _, step := range result.Steps {
			for _, f := range step.Figures {
				key := [3]string{result.Scenario, step.Step, f.Name}
				as, bs := r.values(servers[0], key[0], key[1], key[2]), r.values(servers[1], key[0], key[1], key[2])
				if seen[key] || len(as) == 0 || len(bs) == 0 {
					continue
				}
				seen[key] = true
				c := Comparison{Scenario: key[0], Step: key[1], Figure: key[2], Unit: f.Unit, A: spread(as), B: spread(bs), Ratio: ratios(as, bs)}
				if better := directionOf(f); better != neither && !step.Baseline {
					c.Verdict = judge(better, c.A, c.B, min(len(as), len(bs)))
				}
				all = append(all, c)
			}
		}
	}
	return all
}

// ratios are those of the rounds in which both were measured; nil without any.
func ratios(as, bs []measured) *Spread {
	var all []measured
	for _, a := range as {
		if a.value <= 0 {
			return nil
		}
		if i := slices.IndexFunc(bs, func(b measured) bool { return b.round == a.round }); i >= 0 {
			all = append(all, measured{a.round, bs[i].value / a.value})
		}
	}
	if len(all) == 0 {
		return nil
	}
	s := spread(all)
	return &s
}

// WriteComparison prints what Compare gave, and the verdict.
func (r *Report) WriteComparison(w io.Writer) error {
	comparisons := r.Compare()
	if len(comparisons) == 0 {
		return nil
	}
	servers := r.servers()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "A = %s\nB = %s\n", servers[0], servers[1])
	heading := ""
	for _, c := range comparisons {
		if at := c.Scenario + ", " + c.Step; at != heading {
			heading = at
			fmt.Fprintf(table, "%s\tA\t\tB\t\t\tB/A\t\t\n", heading)
		}
		ratio := "\t"
		if c.Ratio != nil {
			ratio = c.Ratio.String()
		}
		fmt.Fprintf(table, "  %s\t%v\t%v\t%s\t%s\t%s\n", c.Figure, c.A, c.B, c.Unit, ratio, c.Verdict)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return writeVerdict(w, comparisons)
}
