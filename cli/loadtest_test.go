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
		"nodes: -2":                 {"fleet", "--nodes=-2"},
		"2 of --url, 1 of":          {"idle", "--url=ws://127.0.0.1/ws", "--url=ws://127.0.0.2/ws", "--metrics-url=http://127.0.0.1/metrics", "--redis-url=redis://127.0.0.1"},
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

func TestLoadtestOfServersThatRun(t *testing.T) {
	const a, b = "ws://127.0.0.1:1/ws", "ws://127.0.0.1:2/ws"
	options := func(c loadtestCommand) loadtest.Options {
		c.RedisURL = "redis://127.0.0.1"
		options, err := c.options()
		require.NoError(t, err)
		return options
	}
	one := options(loadtestCommand{URL: []string{a}, MetricsURL: []string{"m"}, ServerPID: []int{7}})
	require.Equal(t, a, one.URL)
	require.Equal(t, "m", one.MetricsURL)
	require.Equal(t, 7, one.PID)
	require.Empty(t, one.Fleet)

	two := options(loadtestCommand{URL: []string{a, b}, ServerPID: []int{7, 8}})
	require.Empty(t, two.URL)
	require.Equal(t, []loadtest.Node{{URL: a, PID: 7}, {URL: b, PID: 8}}, two.Fleet)

	behind := options(loadtestCommand{URL: []string{a}, MetricsURL: []string{"m", "n"}})
	require.Equal(t, a, behind.URL)
	require.Equal(t, []loadtest.Node{{MetricsURL: "m"}, {MetricsURL: "n"}}, behind.Fleet)
}

// figures are those of the first result, by step and name.
func figuresOf(t *testing.T, text string) map[string]map[string]float64 {
	t.Helper()
	var result report.Report
	require.NoError(t, json.Unmarshal([]byte(text), &result))
	figures := map[string]map[string]float64{}
	for _, step := range result.Results[0].Steps {
		figures[step.Step] = map[string]float64{}
		for _, f := range step.Figures {
			figures[step.Step][f.Name] = f.Value
		}
	}
	return figures
}

// TestLoadtestOfAFleet restarts and kills real servers that share what they know: nobody waits for a Nextcloud that takes a minute, and no
// event is lost by a client that is connected.
func TestLoadtestOfAFleet(t *testing.T) {
	t.Setenv("NOTIFY_PUSH_TEST_AS_PROGRAM", "1")
	scenario := filepath.Join(t.TempDir(), "small.yaml")
	require.NoError(t, os.WriteFile(scenario, []byte(`
name: small
clients: 30
nodes: 2
backoff: 10ms
steps:
  - connect: {}
  - nextcloud: {delay: 1m}
  - restart: {name: rolling, rate: 100}
  - restart: {name: killed, node: 2, kill: true, rate: 100}
`), 0o600))
	got := command(t.Context(), "", "loadtest", scenario, "--nodes=3", "--json")
	require.Equal(t, 0, got.status, got.stderr)
	figures := figuresOf(t, got.stdout)
	require.Equal(t, 30.0, figures["connect"]["logins at Nextcloud"])
	for _, step := range []string{"rolling", "killed"} {
		require.Equal(t, 30.0, figures[step]["online at the end"], step)
		require.Positive(t, figures[step]["logins"], step)
		require.Zero(t, figures[step]["waited for Nextcloud"], step)
		require.Zero(t, figures[step]["lost"], step)
		require.Positive(t, figures[step]["delivered"], step)
	}
}

// TestLoadtestOfThisServer measures the real server with real Redis traffic: what was published arrives, once and in order.
func TestLoadtestOfThisServer(t *testing.T) {
	t.Setenv("NOTIFY_PUSH_TEST_AS_PROGRAM", "1")
	t.Setenv("AUTH_RECHECK", "240h") // else one of 25 who come back from memory may be asked about by chance within this second
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

	figures := figuresOf(t, got.stdout)
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
