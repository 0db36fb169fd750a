package report

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCompare(t *testing.T) {
	result := func(server string, round int, value float64) Result {
		step := StepResult{Step: "idle"}
		step.Add("CPU", value, "% of a core")
		step.Add("lost", 0, "")
		return Result{Scenario: "idle", Server: server, Round: round, Steps: []StepResult{step}}
	}
	r := &Report{Results: []Result{
		result("A", 1, 10), result("B", 1, 5), result("B", 2, 8), result("A", 2, 20), result("A", 3, 30), result("B", 3, 3),
	}}
	got := r.Compare()
	require.Equal(t, []Comparison{
		{"idle", "idle", "CPU", "% of a core", Spread{10, 20, 30}, Spread{3, 5, 8}, &Spread{0.1, 0.4, 0.5}, Better},
		{"idle", "idle", "lost", "", Spread{}, Spread{}, nil, Same},
	}, got)
	require.Empty(t, (&Report{Results: r.Results[:1]}).Compare())

	// A round that failed for one server takes no part, and shifts nothing.
	r.Results[0].Steps = nil
	require.Equal(t, &Spread{0.1, 0.25, 0.4}, r.Compare()[0].Ratio)
	require.Nil(t, (&Report{Results: []Result{result("A", 1, 1), result("B", 2, 1)}}).Compare()[0].Ratio)
	r.Results[0] = result("A", 1, 10)

	var text bytes.Buffer
	require.NoError(t, r.WriteComparison(&text))
	require.Regexp(t, `CPU +20 +10–30 +5 +3–8 +% of a core +0.4 +0.1–0.5 +B is better`, text.String())
	require.Contains(t, text.String(), "\nB is better in 1 of 2 figures:\n  idle, idle: CPU 5 against 20 % of a core, 0.4 × (0.1–0.5)\nsame within noise in 1 of 2 figures\n")
}

func TestVerdicts(t *testing.T) {
	for name, test := range map[string]struct {
		figure Figure
		a, b   Spread
		rounds int
		want   Verdict
	}{
		"less time":                {Figure{Name: "latency p99", Unit: "ms"}, Spread{10, 11, 12}, Spread{7, 8, 9}, 3, Better},
		"more time":                {Figure{Name: "latency p99", Unit: "ms"}, Spread{7, 8, 9}, Spread{10, 11, 12}, 3, Worse},
		"more a second":            {Figure{Name: "deliveries/s", Unit: "/s"}, Spread{7, 8, 9}, Spread{10, 11, 12}, 3, Better},
		"rounds that overlap":      {Figure{Name: "latency p99", Unit: "ms"}, Spread{7, 8, 10}, Spread{10, 11, 12}, 3, Same},
		"hardly a difference":      {Figure{Name: "latency p99", Unit: "ms"}, Spread{100, 101, 102}, Spread{103, 104, 105}, 3, Same},
		"two rounds":               {Figure{Name: "latency p99", Unit: "ms"}, Spread{7, 8, 9}, Spread{10, 11, 12}, 2, TooFewRounds},
		"the same in one round":    {Figure{Name: "lost"}, Spread{}, Spread{}, 1, Same},
		"none lost against a few":  {Figure{Name: "lost"}, Spread{}, Spread{1, 2, 3}, 3, Worse},
		"memory that was released": {Figure{Name: "memory since the logins", Unit: "MiB"}, Spread{-1, -1, -1}, Spread{-9, -8, -7}, 3, Better},
	} {
		require.Equal(t, test.want, judge(directionOf(test.figure), test.a, test.b, test.rounds), name)
	}
	for _, f := range []Figure{{Name: "expected"}, {Name: "harness CPU", Unit: "% of a core"}, {Name: "published/s", Unit: "/s"}, {Name: "others' CPU", Unit: "% of the machine"}} {
		require.Equal(t, neither, directionOf(f), f.Name)
	}
}

func TestABaselineHasNoVerdict(t *testing.T) {
	var r Report
	for _, server := range []string{"A", "B"} {
		step := StepResult{Step: "floor", Baseline: true}
		step.Add("CPU a delivery", float64(len(r.Results)), "µs")
		r.Results = append(r.Results, Result{Server: server, Round: 1, Steps: []StepResult{step}})
	}
	require.Empty(t, r.Compare()[0].Verdict)
}
