package loadtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/loadtest/internal/stand"
	"github.com/notifypush/notifypush/loadtest/internal/wire"
	"github.com/notifypush/notifypush/loadtest/report"
)

// testOptions test the fake server with a defect.
func testOptions(t *testing.T, defect string, scenarios ...Scenario) Options {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return Options{
		Scenarios:     scenarios,
		Servers:       []Server{{Label: defect, Command: fmt.Sprintf("exec '%s' server %s", self, defect)}},
		HelperCommand: []string{self, "helper"},
	}
}

func scenario(t *testing.T, text string) Scenario {
	t.Helper()
	s, err := Parse([]byte(text))
	require.NoError(t, err)
	return s
}

// runOne runs a scenario against the fake server and returns its steps by title.
func runOne(t *testing.T, options Options) map[string]*report.StepResult {
	t.Helper()
	report, err := Run(t.Context(), options)
	require.NoError(t, err)
	require.Len(t, report.Results, 1)
	return steps(report.Results[0])
}

func steps(result report.Result) map[string]*report.StepResult {
	byTitle := map[string]*report.StepResult{}
	for i := range result.Steps {
		byTitle[result.Steps[i].Step] = &result.Steps[i]
	}
	return byTitle
}

func requireFigures(t *testing.T, r *report.StepResult, want map[string]float64) {
	t.Helper()
	require.NotNil(t, r)
	for name, value := range want {
		got, ok := r.Figure(name)
		require.True(t, ok, "%s has a figure %q: %v", r.Step, name, r.Figures)
		require.Equal(t, value, got, "%s: %s; %v", r.Step, name, r.Notes)
	}
}

func TestDefectsAreFound(t *testing.T) {
	t.Parallel()
	const tenToEach = `
name: ten
clients: 20
steps:
  - connect: {}
  - publish: {events: 200}
`
	for defect, want := range map[string]map[string]float64{
		"honest":   {"expected": 200, "delivered": 200, "lost": 0, "duplicates": 0, "out of order": 0},
		"lossy":    {"expected": 200, "delivered": 180, "lost": 20, "lost share": 10, "duplicates": 0, "out of order": 0},
		"doubling": {"expected": 200, "delivered": 200, "lost": 0, "duplicates": 20, "out of order": 0},
		"swapping": {"expected": 200, "delivered": 200, "lost": 0, "duplicates": 0, "out of order": 20, "misdelivered": 0},
		"crossing": {"expected": 200, "delivered": 180, "lost": 20, "duplicates": 0, "out of order": 0, "misdelivered": 20},
	} {
		t.Run(defect, func(t *testing.T) {
			t.Parallel()
			got := runOne(t, testOptions(t, defect, scenario(t, tenToEach)))
			requireFigures(t, got["connect"], map[string]float64{"logins": 20, "logins at Nextcloud": 20})
			requireFigures(t, got["publish"], want)
			require.NotEmpty(t, got["publish"].Latency)
		})
	}
}

func TestFilesThatComeTwiceAreFound(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "doubling", scenario(t, `
name: files
clients: 20
steps:
  - connect: {}
  - publish: {kinds: [file], events: 100}
`)))
	requireFigures(t, got["publish"], map[string]float64{"expected": 100, "delivered": 100, "lost": 0, "too many": 0, "duplicates": 100})
}

func TestFilesOfOthersAreFound(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "crossing", scenario(t, `
name: files
clients: 20
steps:
  - connect: {}
  - publish: {kinds: [file], events: 100}
`)))
	requireFigures(t, got["publish"], map[string]float64{"expected": 100, "delivered": 0, "lost": 100, "misdelivered": 100})
}

func TestLatencyCountsFromWhenAnEventWasDue(t *testing.T) {
	t.Parallel()
	// The server takes 50 ms for each event, and ten are due at once: the last is 500 ms late.
	got := runOne(t, testOptions(t, "held", scenario(t, `
name: queue
clients: 10
steps:
  - connect: {}
  - publish: {events: 10}
`)))
	latest, ok := got["publish"].Figure("latency max")
	require.True(t, ok)
	require.GreaterOrEqual(t, latest, 500.0)
	median, ok := got["publish"].Figure("latency p50")
	require.True(t, ok)
	require.GreaterOrEqual(t, median, 250.0)
}

func TestEventsOfAllKinds(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "honest", scenario(t, `
name: kinds
clients: 20
steps:
  - connect: {}
  - publish: {name: home, kinds: [custom, file, activity, notification], events: 400, rate: 4000}
  - publish: {name: shared, kinds: [file], storage: shared, warm_up: 1, rounds: 3}
  - publish: {name: idle storages, kinds: [file], storage: idle, events: 100}
`)))
	requireFigures(t, got["home"], map[string]float64{"expected": 400, "delivered": 400})
	requireFigures(t, got["shared"], map[string]float64{"events": 3, "expected": 60, "delivered": 60})
	require.NotEmpty(t, got["shared"].Latency, "the ids of files tell when they were published")
	requireFigures(t, got["idle storages"], map[string]float64{"events": 100, "expected": 0, "delivered": 0, "queries": 0})
}

func TestFilePushesWithoutIDsCount(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "honest", scenario(t, `
name: no ids
clients: 10
file_ids: false
steps:
  - connect: {}
  - publish: {kinds: [file], storage: shared}
`)))
	requireFigures(t, got["publish"], map[string]float64{"expected": 10, "delivered": 10})
}

func TestSeveralClientsOfAUserAndSeveralProcesses(t *testing.T) {
	t.Parallel()
	options := testOptions(t, "honest", scenario(t, `
name: multi
clients: 30
per_user: 3
steps:
  - connect: {name: some, clients: 12, in_flight: 2}
  - publish: {name: to some, events: 40}
  - connect: {name: the rest, rate: 1000}
  - publish: {name: to all, events: 100}
`))
	options.Workers = 2
	got := runOne(t, options)
	requireFigures(t, got["some"], map[string]float64{"logins": 12})
	requireFigures(t, got["to some"], map[string]float64{"expected": 120, "delivered": 120, "out of order": 0, "duplicates": 0})
	requireFigures(t, got["the rest"], map[string]float64{"logins": 18})
	requireFigures(t, got["to all"], map[string]float64{"expected": 300, "delivered": 300})
}

func TestLoginWithTokens(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "honest", scenario(t, `
name: tokens
clients: 20
login: token
steps:
  - connect: {in_flight: 5}
  - publish: {events: 20}
  - cut: {}
`)))
	requireFigures(t, got["connect"], map[string]float64{"logins": 20, "logins at Nextcloud": 0})
	requireFigures(t, got["publish"], map[string]float64{"delivered": 20})
	requireFigures(t, got["cut"], map[string]float64{"logins": 20, "logins at Nextcloud": 0})
}

func TestClientsComeBack(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "honest", scenario(t, `
name: back
clients: 20
backoff: 10ms
nextcloud: {delay: 1ms, workers: 4}
steps:
  - connect: {}
  - cut: {}
  - publish: {name: after a cut, events: 40}
  - restart: {}
  - publish: {name: after a restart, events: 40}
  - leave: {}
  - connect: {name: connect again}
  - churn: {rate: 100, away: 10ms, for: 300ms}
  - publish: {name: after churn, events: 40}
`)))
	requireFigures(t, got["connect"], map[string]float64{"logins": 20})
	requireFigures(t, got["cut"], map[string]float64{"logins": 20, "logins at Nextcloud": 20})
	requireFigures(t, got["after a cut"], map[string]float64{"expected": 40, "delivered": 40})
	requireFigures(t, got["restart"], map[string]float64{"logins": 20, "logins at Nextcloud": 20})
	empty, _ := got["start"].Figure("server memory")
	full, _ := got["restart"].Figure("server memory")
	each, _ := got["restart"].Figure("memory a connection")
	require.InDelta(t, (full-empty)*mib/kib, each*20, 1e-6, "the server was empty when nobody could be there yet")
	requireFigures(t, got["after a restart"], map[string]float64{"expected": 40, "delivered": 40})
	requireFigures(t, got["connect again"], map[string]float64{"logins": 20})
	requireFigures(t, got["churn"], map[string]float64{"online at the end": 20})
	came, _ := got["churn"].Figure("logins")
	require.Positive(t, came)
	requireFigures(t, got["after churn"], map[string]float64{"expected": 40, "delivered": 40})
}

func TestChurnIsOfConnectedClients(t *testing.T) {
	t.Parallel()
	options := testOptions(t, "honest", scenario(t, `
name: some
clients: 40
backoff: 10ms
steps:
  - connect: {clients: 10}
  - churn: {rate: 200, away: 10ms, for: 300ms}
  - idle: {for: 300ms}
`))
	options.Workers = 2
	got := runOne(t, options)
	requireFigures(t, got["churn"], map[string]float64{"online at the end": 10})
	requireFigures(t, got["idle"], map[string]float64{"connections lost": 0})
}

func TestClientsThatStopReading(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "honest", scenario(t, `
name: slow
clients: 20
steps:
  - connect: {}
  - stall: {clients: 5}
  - publish: {events: 100}
  - resume: {}
  - publish: {name: after, events: 40}
`)))
	requireFigures(t, got["publish"], map[string]float64{"events": 100, "expected": 75, "delivered": 75, "lost": 0})
	requireFigures(t, got["resume"], map[string]float64{"online at the end": 20, "closed by the server": 0})
	requireFigures(t, got["after"], map[string]float64{"expected": 40, "delivered": 40})
}

func TestWhatDidNotHappenHasNoTimes(t *testing.T) {
	t.Parallel()
	report, err := Run(t.Context(), testOptions(t, "honest", scenario(t, `
name: nothing
clients: 5
steps:
  - connect: {}
  - churn: {rate: 1, for: 100ms}
  - publish: {rate: 1, for: 100ms}
  - leave: {}
  - cut: {}
`)))
	require.NoError(t, err)
	got := steps(report.Results[0])
	for step, absent := range map[string][]string{
		"churn":   {"time", "logins/s", "CPU a login", "half of them after", "time against Nextcloud alone"},
		"publish": {"CPU an event"},
		"cut":     {"time", "logins/s", "CPU a login"},
	} {
		for _, name := range absent {
			_, ok := got[step].Figure(name)
			require.False(t, ok, "%s, %s", step, name)
		}
	}
	require.NoError(t, report.WriteJSON(io.Discard))
	require.NoError(t, report.WritePage(io.Discard))
}

func TestClientsThatHaveComeBackRead(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]string{
		"cut":     "{cut: {}}",
		"leave":   "{leave: {}}, {connect: {name: again}}",
		"restart": "{restart: {}}",
		"floor":   "{floor: {passes: 1}}, {connect: {name: again}}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runOne(t, testOptions(t, "honest", scenario(t, `
name: back
clients: 20
backoff: 10ms
steps: [{connect: {}}, {stall: {clients: 5}}, `+back+`, {publish: {events: 40}}]
`)))
			requireFigures(t, got["publish"], map[string]float64{"expected": 40, "delivered": 40})
		})
	}
}

func TestUnexpectedMessagesAndDisconnectsAreNoted(t *testing.T) {
	t.Parallel()
	const one = `
name: one
clients: 5
steps:
  - connect: {}
  - publish: {events: 5}
`
	got := runOne(t, testOptions(t, "unexpected", scenario(t, one)))
	requireFigures(t, got["publish"], map[string]float64{"delivered": 0, "lost": 5})
	require.Contains(t, fmt.Sprint(got["publish"].Notes), `5 unexpected messages, such as "what is this?"`)

	got = runOne(t, testOptions(t, "closing", scenario(t, one)))
	requireFigures(t, got["publish"], map[string]float64{"delivered": 0, "lost": 5})
	require.Contains(t, fmt.Sprint(got["publish"].Notes), "5 × closed by the server with 1012")
}

func TestLoginTimesHaveOneBeginning(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "pondering", scenario(t, "{name: one, clients: 20, steps: [{connect: {}}]}")))
	took, _ := got["connect"].Figure("time")
	last, _ := got["connect"].Figure("99 % of them after")
	require.InEpsilon(t, took, last, 0.002, "of 20, 99 % are all; a histogram has three digits")
}

func TestClientsThatAreClosedAfterTheLogin(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "limiting", scenario(t, "{name: one, clients: 20, per_user: 2, backoff: 1h, steps: [{connect: {in_flight: 1}}, {publish: {events: 10}}]}")))
	requireFigures(t, got["connect"], map[string]float64{"logins": 20})
	requireFigures(t, got["publish"], map[string]float64{"expected": 20, "delivered": 10})
	require.Contains(t, fmt.Sprint(got["connect"].Notes), `such as "Connection limit exceeded for user"`)
}

func TestTheFloorIsMeasured(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "honest", scenario(t, `
name: floor
clients: 20
steps:
  - floor: {passes: 5}
  - connect: {}
  - publish: {kinds: [file], storage: shared, rounds: 5}
`)))
	requireFigures(t, got["floor"], map[string]float64{"delivered": 100, "lost": 0})
	ratio, ok := got["publish"].Figure("CPU a delivery / floor")
	require.True(t, ok)
	require.Positive(t, ratio)

	got = runOne(t, testOptions(t, "honest", scenario(t, `
name: floor with a rate
clients: 20
steps:
  - floor: {rate: 1000, for: 100ms}
  - floor: {name: at once, passes: 3, at_once: true}
`)))
	requireFigures(t, got["floor"], map[string]float64{"delivered": 100, "lost": 0})
	requireFigures(t, got["at once"], map[string]float64{"delivered": 60, "lost": 0})

	got = runOne(t, testOptions(t, "honest", scenario(t, `
name: what has a rate is not compared with what has none
clients: 20
steps:
  - floor: {passes: 3}
  - connect: {}
  - publish: {events: 20, rate: 1000}
`)))
	requireFigures(t, got["publish"], map[string]float64{"delivered": 20})
	_, ok = got["publish"].Figure("CPU a delivery / floor")
	require.False(t, ok)
}

func TestMemoryAndCPUOfTheServerAreMeasured(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "honest", scenario(t, `
name: idle
clients: 20
steps:
  - connect: {}
  - idle: {for: 300ms}
`)))
	for _, name := range []string{"server memory", "memory a connection", "CPU a login"} {
		value, ok := got["connect"].Figure(name)
		require.True(t, ok, name)
		require.Positive(t, value, name)
	}
	requireFigures(t, got["idle"], map[string]float64{"connections lost": 0})
}

func TestScenariosLeaveNothingToEachOther(t *testing.T) {
	t.Parallel()
	one := scenario(t, "{name: one, clients: 5, steps: [{connect: {}}]}")
	report, err := Run(t.Context(), testOptions(t, "writing", one, one))
	require.NoError(t, err)
	for _, result := range report.Results {
		require.Empty(t, result.Error)
		requireFigures(t, steps(result)["connect"], map[string]float64{"logins": 5, "logins at Nextcloud": 5})
	}
}

func TestAServerThatEnds(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), testOptions(t, "dead", scenario(t, `
name: dead
clients: 2
backoff: 10ms
steps:
  - connect: {}
  - publish: {}
  - cut: {}
`)))
	require.ErrorContains(t, err, "push server ended (exit status 7)")
	require.ErrorContains(t, err, "dead as asked")
}

func TestAServerThatEndsWhileNothingIsAskedOfIt(t *testing.T) {
	t.Parallel()
	for _, lasting := range []string{"idle: {for: 1h}", "churn: {rate: 1, for: 1h}", "publish: {rate: 1, for: 1h}"} {
		options := testOptions(t, "honest", scenario(t, "{name: brief, clients: 2, steps: [{connect: {}}, {"+lasting+"}]}"))
		lasts := filepath.Join(t.TempDir(), "lasts")
		options.Progress = func(p Progress) {
			if step, _, _ := strings.Cut(lasting, ":"); p.Sample.Step == step {
				assert.NoError(t, os.WriteFile(lasts, nil, 0o600))
			}
		}
		options.Servers[0].Command = strings.TrimPrefix(options.Servers[0].Command, "exec ") +
			" & until [ -e " + lasts + " ]; do sleep 0.05; done; kill -9 $!; exit 7"
		_, err := Run(t.Context(), options)
		require.ErrorContains(t, err, "push server ended (exit status 7)")
	}
}

func TestAServerThatDoesNotStart(t *testing.T) {
	t.Parallel()
	options := testOptions(t, "honest", scenario(t, "{name: x, clients: 1, steps: [{connect: {}}]}"))
	options.Servers[0].Command = "echo no such setting; exit 3"
	report, err := Run(t.Context(), options)
	require.ErrorContains(t, err, "it has ended")
	require.ErrorContains(t, err, "no such setting")
	var text strings.Builder
	require.NoError(t, report.WriteJSON(&text))
	require.Contains(t, text.String(), `"steps": []`)
}

func TestListsAreListsInJSONWithNothingInThem(t *testing.T) {
	t.Parallel()
	report, err := Run(t.Context(), testOptions(t, "honest", scenario(t, "{name: x, steps: [{nextcloud: {errors: true}}]}")))
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, report.WriteJSON(&text))
	require.Contains(t, text.String(), `"figures": []`)
	require.NotContains(t, text.String(), "null")
}

func TestCommandsAsAShellReadsThem(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{
		"a variable before it":            "NOTHING=1 %s",
		"in a folder":                     "cd / && %s",
		"a script":                        "%s; exit 3",
		"a script in a script":            `/bin/sh -c "%s; true"; true`,
		"a script that writes elsewhere":  "%s >/dev/null 2>&1; true",
		"a script that leaves others be":  "sleep 1h >/dev/null 2>&1 & %s; true",
		"a script that leaves its output": "sleep 1h & %s; kill $!",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := testOptions(t, "honest", scenario(t, "{name: x, clients: 5, backoff: 10ms, steps: [{connect: {}}, {restart: {kill: true}}]}"))
			options.Servers[0].Command = fmt.Sprintf(command, strings.TrimPrefix(options.Servers[0].Command, "exec "))
			got := runOne(t, options)
			memory, _ := got["start"].Figure("server memory")
			require.Greater(t, memory, 4.0, "MiB: that of the server, not of the shell")
			requireFigures(t, got["restart"], map[string]float64{"logins": 5})
		})
	}
}

func TestARunningServer(t *testing.T) {
	t.Parallel()
	around, err := stand.Start(t.Context(), stand.Population{Users: 5})
	require.NoError(t, err)
	defer around.Close()
	options := testOptions(t, "honest", scenario(t, `
name: running
clients: 5
steps:
  - connect: {}
  - publish: {events: 10}
`))
	running, err := stand.NewServer(options.Servers[0].Command, around, false, 0)
	require.NoError(t, err)
	require.NoError(t, running.Start(t.Context(), 1))
	defer running.Stop(context.Background())

	options.Servers = nil
	options.URL, options.RedisURL = "ws://"+running.Address.String()+"/ws", around.RedisURL
	options.MetricsURL, options.PID = running.MetricsURL, int(running.PID.Load())
	got := runOne(t, options)
	requireFigures(t, got["connect"], map[string]float64{"logins": 5})
	requireFigures(t, got["publish"], map[string]float64{"expected": 10, "delivered": 10})
	require.NoError(t, running.Alive())

	for _, text := range []string{
		"{name: files, clients: 5, steps: [{connect: {}}, {publish: {kinds: [file]}}]}",
		"{name: slow, clients: 5, nextcloud: {delay: 1ms, workers: 1}, steps: [{connect: {}}]}",
		"{name: slow later, clients: 5, steps: [{connect: {}}, {nextcloud: {errors: true}}]}",
		"{name: again, clients: 5, steps: [{connect: {}}, {restart: {}}]}",
	} {
		options.Scenarios = []Scenario{scenario(t, text)}
		_, err = Run(t.Context(), options)
		require.ErrorContains(t, err, "of its own", text)
	}
}

func TestAScenarioMadeInGoHasTheDefaultsOfOneThatIsRead(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "honest", Scenario{Name: "made", Clients: 5, Steps: []Step{{Connect: &Connect{}}, {Publish: &Publish{Kinds: []Kind{File}}}}}))
	requireFigures(t, got["connect"], map[string]float64{"logins": 5, "logins at Nextcloud": 5})
	requireFigures(t, got["publish"], map[string]float64{"expected": 1, "delivered": 1})
	require.NotEmpty(t, got["publish"].Latency, "clients have asked for the ids of files")
}

func TestAShortRunHasASample(t *testing.T) {
	t.Parallel()
	report, err := Run(t.Context(), testOptions(t, "honest", scenario(t, "{name: short, clients: 5, steps: [{connect: {}}, {idle: {for: 30ms}}]}")))
	require.NoError(t, err)
	samples := report.Results[0].Samples
	require.NotEmpty(t, samples)
	require.Equal(t, 5, samples[len(samples)-1].Online)
}

func TestProgress(t *testing.T) {
	t.Parallel()
	options := testOptions(t, "honest", scenario(t, `
name: progress
clients: 5
steps:
  - connect: {}
  - idle: {for: 600ms}
`))
	var seen []Progress
	options.Progress = func(p Progress) { seen = append(seen, p) }
	report, err := Run(t.Context(), options)
	require.NoError(t, err)
	require.NotEmpty(t, seen)
	last := seen[len(seen)-1]
	require.Equal(t, "idle", last.Sample.Step)
	require.Equal(t, 5, last.Sample.Online)
	require.Positive(t, last.Sample.MemoryMiB)
	require.InDelta(t, 0.5, last.Share, 0.5)
	require.Len(t, report.Results[0].Samples, len(seen))
}

func TestEndedByTheCaller(t *testing.T) {
	t.Parallel()
	options := testOptions(t, "honest", scenario(t, "{name: long, clients: 5, steps: [{connect: {}}, {idle: {for: 1h}}]}"))
	ctx, cancel := contextWithCause(t)
	options.Progress = func(p Progress) {
		if p.Sample.Step == "idle" {
			cancel(errEnough)
		}
	}
	begun := time.Now()
	_, err := Run(ctx, options)
	require.ErrorIs(t, err, errEnough)
	require.ErrorContains(t, err, "long, idle: interrupted: ")
	require.Less(t, time.Since(begun), time.Hour)
}

func TestAServerThatDoesNotEndDoesNotDelayAnInterruption(t *testing.T) {
	t.Parallel()
	options := testOptions(t, "stubborn", scenario(t, "{name: long, clients: 5, steps: [{connect: {}}, {restart: {}}]}"))
	ctx, cancel := contextWithCause(t)
	options.Progress = func(p Progress) {
		if p.Sample.Step == "restart" {
			cancel(errEnough)
		}
	}
	begun := time.Now()
	_, err := Run(ctx, options)
	require.ErrorIs(t, err, errEnough)
	require.NotContains(t, err.Error(), "server ended", "the harness has killed it")
	require.Less(t, time.Since(begun), stand.StopTimeout)
}

var errEnough = errors.New("enough was seen")

func contextWithCause(t *testing.T) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil) })
	return ctx, cancel
}

func TestRedisThatWantsAPassword(t *testing.T) {
	server := miniredis.RunT(t)
	server.RequireAuth("a password")
	options := testOptions(t, "honest", scenario(t, "{name: x, clients: 5, steps: [{connect: {}}]}"))
	options.Servers, options.URL, options.RedisURL = nil, "ws://127.0.0.1:1/ws", "redis://"+server.Addr()
	_, err := Run(t.Context(), options)
	require.ErrorContains(t, err, "connect to the Redis of the load test: NOAUTH")
}

func TestServersAlternate(t *testing.T) {
	o := Options{Scenarios: []Scenario{{Name: "x"}}, Servers: []Server{{Label: "A"}, {Label: "B"}}, Rounds: 3}
	var order []string
	for _, job := range o.jobs() {
		order = append(order, job.server.Label)
	}
	require.Equal(t, []string{"A", "B", "B", "A", "A", "B"}, order)
}

// TestAPublisherOfTheCaller has clients log in with tokens that reach the server by the caller's function.
func TestAPublisherOfTheCaller(t *testing.T) {
	t.Parallel()
	around, err := stand.Start(t.Context(), stand.Population{Users: 5})
	require.NoError(t, err)
	defer around.Close()
	options := testOptions(t, "honest", scenario(t, "{name: own, clients: 5, steps: [{connect: {}}, {publish: {events: 10}}]}"))
	running, err := stand.NewServer(options.Servers[0].Command, around, false, 0)
	require.NoError(t, err)
	require.NoError(t, running.Start(t.Context(), 1))
	defer running.Stop(context.Background())
	var mu sync.Mutex
	conn, err := wire.DialRedis(around.RedisURL)
	require.NoError(t, err)
	defer conn.Close()

	options.Servers, options.HelperCommand, options.URL = nil, nil, "ws://"+running.Address.String()+"/ws"
	options.Publish = func(channel string, payload []byte) error {
		mu.Lock()
		defer mu.Unlock()
		_, err := conn.Do("PUBLISH", channel, payload)
		return err
	}
	got := runOne(t, options)
	requireFigures(t, got["connect"], map[string]float64{"logins": 5})
	requireFigures(t, got["publish"], map[string]float64{"expected": 10, "delivered": 10})

	options.Publish = func(string, []byte) error { return errEnough }
	options.Login = func(int, string) (Login, error) { return Login{}, errEnough }
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = Run(ctx, options)
	require.ErrorIs(t, err, context.DeadlineExceeded, "clients try again")
}

func TestALoginIsComparedWithTheHandshake(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "honest", scenario(t, `
name: login
clients: 20
backoff: 10ms
steps:
  - handshake: {in_flight: 5}
  - connect: {}
  - leave: {}
  - handshake: {name: paced, rate: 20}
  - connect: {name: again}
  - cut: {}
`)))
	requireFigures(t, got["handshake"], map[string]float64{"handshakes": 20})
	requireFigures(t, got["connect"], map[string]float64{"logins": 20})
	requireFigures(t, got["paced"], map[string]float64{"handshakes": 20})
	pace, _ := got["paced"].Figure("handshakes/s")
	require.Less(t, pace, 40.0)
	for step, before := range map[string]string{"connect": "handshake", "again": "paced", "cut": "paced"} {
		login, _ := got[step].Figure("CPU a login")
		handshake, _ := got[before].Figure("CPU a handshake")
		beside, ok := got[step].Figure("CPU a login beside the handshake")
		require.True(t, ok, step)
		require.InDelta(t, login-handshake, beside, 1e-9)
	}
}

func TestRefusedLogins(t *testing.T) {
	t.Parallel()
	got, err := Run(t.Context(), testOptions(t, "refusing", scenario(t, "{name: refused, clients: 20, backoff: 10ms, steps: [{connect: {}}]}")))
	require.NoError(t, err)
	connect := steps(got.Results[0])["connect"]
	requireFigures(t, connect, map[string]float64{"logins": 20, "dials": 40, "refused": 20})
	require.Equal(t, []string{"connections ended: 20 × refused: err: Invalid credentials"}, connect.Notes[:1])
}
