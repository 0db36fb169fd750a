package report

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTargetsAreOrdered(t *testing.T) {
	for _, target := range targets() {
		switch directionOf(Figure{Name: target.Figure, Unit: target.Unit}) {
		case high:
			require.LessOrEqual(t, target.First, target.Goal, target.What)
		case low:
			require.GreaterOrEqual(t, target.First, target.Goal, target.What)
		default:
			require.Fail(t, "a target needs a direction", target.What)
		}
	}
}

func TestTable(t *testing.T) {
	run := func(memory, rate float64, resized bool) []Result {
		idle, flood := StepResult{Step: "idle"}, StepResult{Step: "publish"}
		idle.Add("memory a connection", memory, "KiB")
		flood.Add("deliveries/s", rate, "/s")
		return []Result{
			{Scenario: "idle", Server: "A", Resized: resized, Steps: []StepResult{idle}},
			{Scenario: "flood", Server: "A", Steps: []StepResult{flood}},
		}
	}
	r := &Report{Results: append(run(5, 80000, false), run(10, 90000, false)...)}
	rows := r.Table()
	require.Len(t, rows, 2)
	require.Equal(t, 7.5, rows[0].Measured)
	require.Equal(t, "first target", rows[0].Reached)
	require.Equal(t, 85000.0, rows[1].Measured)
	require.Equal(t, "first target", rows[1].Reached)

	require.Equal(t, "goal", (&Report{Results: run(6, 120000, false)}).Table()[0].Reached)
	require.Empty(t, (&Report{Results: run(9.6, 69999, false)}).Table()[1].Reached)
	require.Len(t, (&Report{Results: run(6, 1, true)}).Table(), 1, "a run of another size is compared with no target")

	var text bytes.Buffer
	require.NoError(t, WriteTargets(&text, rows))
	require.Contains(t, text.String(), "resident memory an idle connection")
	require.Contains(t, text.String(), "7.5")
}

func TestTargetScenarios(t *testing.T) {
	require.Equal(t, []string{"idle", "connect", "login", "fanout", "steady", "flood", "burst", "multi", "storm", "restart", "fleet", "noise"}, TargetScenarios())
}
