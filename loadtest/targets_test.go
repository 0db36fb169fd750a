package loadtest

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTargetsNameStepsThatExist(t *testing.T) {
	for _, target := range targets() {
		s, err := Load(target.Scenario)
		require.NoError(t, err)
		titles := []string{"start"}
		for _, step := range s.Steps {
			action, err := step.action()
			require.NoError(t, err)
			titles = append(titles, action.title())
		}
		require.Contains(t, titles, target.Step, target.What)
		if target.Higher {
			require.LessOrEqual(t, target.First, target.Goal, target.What)
		} else {
			require.GreaterOrEqual(t, target.First, target.Goal, target.What)
		}
	}
}

func TestTable(t *testing.T) {
	run := func(memory, rate float64, clients int) []Result {
		idle, flood := StepResult{Step: "idle"}, StepResult{Step: "publish"}
		idle.add("memory a connection", memory, "KiB")
		flood.add("deliveries/s", rate, "/s")
		return []Result{
			{Scenario: "idle", Server: "A", Clients: clients, Steps: []StepResult{idle}},
			{Scenario: "flood", Server: "A", Clients: 15000, Steps: []StepResult{flood}},
		}
	}
	r := &Report{Results: append(run(5, 80000, 15000), run(10, 90000, 15000)...)}
	rows := r.Table()
	require.Len(t, rows, 2)
	require.Equal(t, 7.5, rows[0].Measured)
	require.Equal(t, "first target", rows[0].Reached)
	require.Equal(t, 85000.0, rows[1].Measured)
	require.Equal(t, "first target", rows[1].Reached)

	require.Equal(t, "goal", (&Report{Results: run(6, 120000, 15000)}).Table()[0].Reached)
	require.Empty(t, (&Report{Results: run(9.6, 69999, 15000)}).Table()[1].Reached)
	require.Len(t, (&Report{Results: run(6, 1, 10)}).Table(), 1, "a run of another size is compared with no target")

	var text bytes.Buffer
	require.NoError(t, WriteTargets(&text, rows))
	require.Contains(t, text.String(), "resident memory an idle connection")
	require.Contains(t, text.String(), "7.5")
}

func TestTableScenarios(t *testing.T) {
	require.Equal(t, []string{"idle", "connect", "fanout", "steady", "flood", "burst", "multi", "storm", "restart", "noise"}, TableScenarios())
}
