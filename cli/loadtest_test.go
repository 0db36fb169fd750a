//go:build !server

package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/loadtest"
	"github.com/notifypush/notifypush/loadtest/report"
)

func TestLoadtestLists(t *testing.T) {
	got := command(t.Context(), "", "loadtest")
	require.Equal(t, 0, got.status, got.stderr)
	for _, name := range append(loadtest.Names(), "all") {
		require.Regexp(t, `(?m)^`+name+` +\S`, got.stdout)
	}
}

func TestLoadtestRefusesArgumentsThatDoNotFit(t *testing.T) {
	for says, arguments := range map[string][]string{
		"no scenario \"nosuch\"":    {"nosuch"},
		"two servers":               {"idle", "--compare", "A=x"},
		"3 servers":                 {"idle", "--compare", "A=x", "B=x", "C=x"},
		`two servers of one name`:   {"idle", "--compare", "A=x", "A=y"},
		"runs already":              {"idle", "--redis-url=redis://127.0.0.1"},
		"clients: 2000000":          {"idle", "--clients=2000000"},
		"clients: -5":               {"idle", "--clients=-5"},
		"negative number":           {"idle", "--workers=-1"},
		"of its own":                {"burst", "fanout", "--url=ws://127.0.0.1:1/ws", "--redis-url=redis://127.0.0.1:1"},
		"not like 'NAME=PATH ARGS'": {"idle", "--compare", "x", "B=y"},
		"can't be used together":    {"idle", "--server-cmd=x", "--url=ws://127.0.0.1/ws"},
		"--url needs --redis-url":   {"idle", "--url=ws://127.0.0.1/ws"},
		"for":                       {"idle", "--for=soon"},
		"no step has a duration":    {"burst", "fanout", "--for=5s"},
		"no such file or directory": {"idle", "--report=/nonexistent/report.html"},
	} {
		got := command(t.Context(), "", append([]string{"loadtest"}, arguments...)...)
		require.Equal(t, 2, got.status, "%v: %s", arguments, got.stderr)
		require.Contains(t, got.stderr, says)
		require.Empty(t, got.stdout)
	}
}

func TestLoadtestRefusesOtherMachines(t *testing.T) {
	for _, arguments := range [][]string{
		{"--url=ws://192.0.2.1/ws", "--redis-url=redis://127.0.0.1"},
		{"--url=ws://127.0.0.1/ws", "--redis-url=redis://192.0.2.1"},
		{"--url=ws://127.0.0.1/ws", "--redis-url=redis://127.0.0.1", "--metrics-url=http://192.0.2.1/metrics"},
	} {
		got := command(t.Context(), "", append([]string{"loadtest", "idle"}, arguments...)...)
		require.Equal(t, 2, got.status)
		require.Contains(t, got.stderr, "192.0.2.1: it is not on this machine")
	}
}

// TestCommandsOfTheLoadTestFit wants what its document shows to be more than readable.
func TestCommandsOfTheLoadTestFit(t *testing.T) {
	text, err := os.ReadFile("../docs/loadtest.md")
	require.NoError(t, err)
	for _, arguments := range commandsOf(t, string(text)) {
		var line commandLine
		parser, err := newParser(&line, &process{ctx: t.Context()}, func(int) {})
		require.NoError(t, err)
		_, err = parser.Parse(arguments)
		require.NoError(t, err)
		if line.Loadtest.Scenarios == nil {
			continue
		}
		options, err := line.Loadtest.options()
		require.NoError(t, err, arguments)
		require.NoError(t, options.Check(t.Context()), arguments)
	}
}

func TestLoadtestCompare(t *testing.T) {
	servers := comparedServers{{Label: "A", Command: "x --flag=1"}, {Label: "B", Command: "y"}}
	c := &loadtestCommand{Scenarios: []string{"idle"}, Compare: servers, Clients: 7}
	options, err := c.options()
	require.NoError(t, err)
	require.Equal(t, []loadtest.Server(servers), options.Servers)
	require.Equal(t, 3, options.Rounds)
	require.Equal(t, 7, options.Scenarios[0].Clients)

	c = &loadtestCommand{Scenarios: []string{"all"}}
	options, err = c.options()
	require.NoError(t, err)
	require.Len(t, options.Scenarios, len(report.TargetScenarios()))
	require.Len(t, options.Servers, 1)
	require.Contains(t, options.Servers[0].Command, ` serve "$CONFIG_FILE"`)
}

// TestLoadtestOfThisServer measures the real server with real Redis traffic: what was published arrives, once and in order.
func TestLoadtestOfThisServer(t *testing.T) {
	t.Setenv("NOTIFY_PUSH_TEST_AS_PROGRAM", "1")
	scenario := filepath.Join(t.TempDir(), "small.yaml")
	require.NoError(t, os.WriteFile(scenario, []byte(`
name: small
clients: 50
per_user: 2
steps:
  - connect: {in_flight: 10}
  - publish: {name: custom, events: 500}
  - publish: {name: file, kinds: [file], storage: shared, rounds: 3}
  - publish: {name: others, kinds: [activity, notification], events: 100}
  - cut: {}
`), 0o600))
	page := filepath.Join(t.TempDir(), "report.html")
	got := command(t.Context(), "", "loadtest", scenario, "--json", "--report", page)
	require.Equal(t, 0, got.status, got.stderr)

	var result report.Report
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &result))
	figures := map[string]map[string]float64{}
	for _, step := range result.Results[0].Steps {
		figures[step.Step] = map[string]float64{}
		for _, f := range step.Figures {
			figures[step.Step][f.Name] = f.Value
		}
	}
	for step, want := range map[string]float64{"custom": 1000, "file": 150, "others": 200} {
		require.Equal(t, want, figures[step]["expected"], step)
		require.Equal(t, want, figures[step]["delivered"], step)
		require.Zero(t, figures[step]["duplicates"]+figures[step]["out of order"], step)
	}
	require.Equal(t, 50.0, figures["connect"]["logins"])
	require.Equal(t, 25.0, figures["connect"]["logins at Nextcloud"], "one question for both clients of a user")
	require.Zero(t, figures["cut"]["logins at Nextcloud"], "who comes back is known")
	require.Positive(t, figures["connect"]["memory a connection"])

	html, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(html), "<svg")
}
