package loadtest

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServersTakeTurns(t *testing.T) {
	o := Options{Scenarios: []Scenario{{Name: "x"}}, Servers: []Server{{Label: "A"}, {Label: "B"}}, Rounds: 3}
	var order []string
	for _, turn := range o.turns() {
		order = append(order, turn.server.Label)
	}
	require.Equal(t, []string{"A", "B", "B", "A", "A", "B"}, order)
}

func TestCompare(t *testing.T) {
	result := func(server string, round int, value float64) Result {
		step := StepResult{Step: "idle"}
		step.add("CPU", value, "%")
		step.add("lost", 0, "")
		return Result{Scenario: "idle", Server: server, Round: round, Steps: []StepResult{step}}
	}
	r := &Report{Results: []Result{
		result("A", 1, 10), result("B", 1, 5), result("B", 2, 8), result("A", 2, 20), result("A", 3, 30), result("B", 3, 3),
	}}
	got := r.Compare()
	require.Equal(t, []Comparison{
		{"idle", "idle", "CPU", "%", Spread{10, 20, 30}, Spread{3, 5, 8}, &Spread{0.1, 0.4, 0.5}},
		{"idle", "idle", "lost", "", Spread{}, Spread{}, nil},
	}, got)
	require.Empty(t, (&Report{Results: r.Results[:1]}).Compare())

	// A round that failed for one server takes no part, and shifts nothing.
	r.Results[0].Steps = nil
	require.Equal(t, &Spread{0.1, 0.25, 0.4}, r.Compare()[0].Ratio)
	require.Nil(t, (&Report{Results: []Result{result("A", 1, 1), result("B", 2, 1)}}).Compare()[0].Ratio)
	r.Results[0] = result("A", 1, 10)

	var text bytes.Buffer
	require.NoError(t, r.WriteComparison(&text))
	require.Regexp(t, `CPU +20 +10–30 +5 +3–8 +% +0.4 +0.1–0.5`, text.String())
}
