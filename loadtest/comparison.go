package loadtest

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Comparison is a figure of two servers over several rounds.
type Comparison struct {
	Scenario string  `json:"scenario"`
	Step     string  `json:"step"`
	Figure   string  `json:"figure"`
	Unit     string  `json:"unit,omitempty"`
	A        Spread  `json:"a"`
	B        Spread  `json:"b"`
	Ratio    *Spread `json:"ratio,omitempty"` // B / A in each round that has both; none when A was 0
}

// Spread is what several rounds gave.
type Spread struct {
	Low    float64 `json:"low"`
	Median float64 `json:"median"`
	High   float64 `json:"high"`
}

func spread(values []measured) Spread {
	sorted := slices.SortedFunc(slices.Values(values), func(a, b measured) int { return cmp.Compare(a.value, b.value) })
	n := len(sorted)
	return Spread{sorted[0].value, (sorted[(n-1)/2].value + sorted[n/2].value) / 2, sorted[n-1].value}
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
	a, b := servers[0], servers[1]
	seen := map[[3]string]bool{}
	for _, result := range r.Results {
		for _, step := range result.Steps {
			for _, f := range step.Figures {
				key := [3]string{result.Scenario, step.Step, f.Name}
				of := func(server string) []measured { return r.values(server, key[0], key[1], key[2]) }
				if as, bs := of(a), of(b); !seen[key] && len(as) > 0 && len(bs) > 0 {
					seen[key] = true
					all = append(all, Comparison{key[0], key[1], key[2], f.Unit, spread(as), spread(bs), ratios(as, bs)})
				}
			}
		}
	}
	return all
}

// ratios are those of the rounds in which both were measured; nil without any, or when A was 0.
func ratios(as, bs []measured) *Spread {
	var all []measured
	for _, a := range as {
		if a.value == 0 {
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

// WriteComparison prints what Compare gave.
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
			fmt.Fprintf(table, "%s\tA\t\tB\t\t\tB/A\t\n", heading)
		}
		ratio := ""
		if c.Ratio != nil {
			ratio = fmt.Sprintf("%s\t%s–%s", number(c.Ratio.Median), number(c.Ratio.Low), number(c.Ratio.High))
		}
		fmt.Fprintf(table, "  %s\t%s\t%s–%s\t%s\t%s–%s\t%s\t%s\n", c.Figure, number(c.A.Median), number(c.A.Low), number(c.A.High),
			number(c.B.Median), number(c.B.Low), number(c.B.High), c.Unit, ratio)
	}
	return table.Flush()
}
