package loadtest

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/loadtest/internal/process"
	"github.com/notifypush/notifypush/loadtest/report"
)

func TestARestartIsNotTheWorkOfOthers(t *testing.T) {
	const second = 1e6
	// The harness has computed 3 s, and the server, an hour old, 1,000 s.
	before := snapshot{machine: 5000 * time.Second, ours: 1003 * time.Second, nodes: []nodeUsage{{Usage: process.Usage{CPU: 1000 * time.Second}}}}
	// In 10 s the old server computes 2 s until it has ended, the new one 1.5 s, the harness 1 s and others 0.5 s.
	before.replaceServer(0, 1002*time.Second, process.Usage{CPU: 100 * time.Millisecond})
	after := snapshot{at: 10 * second, machine: 5005 * time.Second, ours: 4*time.Second + 1500*time.Millisecond, nodes: []nodeUsage{{Usage: process.Usage{CPU: 1500 * time.Millisecond}}}}
	e := &execution{step: &report.StepResult{}}
	e.addOthers(before, after)
	others, ok := e.step.Figure("others' CPU")
	require.True(t, ok)
	require.InDelta(t, 100*0.5/10/float64(runtime.NumCPU()), others, 1e-9)
	used, _ := before.cpu(after)
	require.Equal(t, 1400*time.Millisecond, used, "a login costs what the new server computes")
}

func TestOthersUseNoMoreThanTheMachine(t *testing.T) {
	// A tick of 10 ms has come to an end in a step of 1 ms.
	e := &execution{step: &report.StepResult{}}
	e.addOthers(snapshot{}, snapshot{at: 1000, machine: 10 * time.Millisecond})
	others, _ := e.step.Figure("others' CPU")
	require.Equal(t, 100.0, others)
}
