package loadtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestBuiltInScenarios(t *testing.T) {
	require.Equal(t, []string{"burst", "churn", "connect", "fanout", "fleet", "flood", "idle", "login", "multi", "noise", "restart", "slow", "steady", "storm"}, Names())
	for _, name := range Names() {
		s, err := Load(name)
		require.NoError(t, err)
		require.Equal(t, name, s.Name)
		require.NotEmpty(t, s.About)
	}
}

func TestScenarioDefaults(t *testing.T) {
	s, err := Parse([]byte("{name: x, steps: [{connect: {}}]}"))
	require.NoError(t, err)
	require.Equal(t, 1000, s.Clients)
	require.Equal(t, 1, s.PerUser)
	require.Equal(t, "password", s.Login)
	require.True(t, *s.FileIDs)
	require.False(t, s.Debounce)
}

func TestScenarioErrors(t *testing.T) {
	for text, says := range map[string]string{
		"":                       "read the scenario",
		"{name: x, stepz: []}":   "stepz",
		"{steps: [{cut: {}}]}":   "no name",
		"{name: x}":              "no steps",
		"{name: x, steps: [{}]}": "step 1: 0 actions",
		"{name: x, steps: [{cut: {}, leave: {}}]}":                      "step 1: 2 actions",
		"{name: x, steps: [{cut: {}}, {cut: {}}]}":                      `step 2: second step with the name "cut"`,
		"{name: x, clients: -1, steps: [{cut: {}}]}":                    "clients: -1",
		"{name: x, per_user: -1, steps: [{cut: {}}]}":                   "per_user: -1",
		"{name: x, login: magic, steps: [{cut: {}}]}":                   `login: "magic"`,
		"{name: x, steps: [{connect: {rate: -1}}]}":                     "connect: ",
		"{name: x, steps: [{idle: {for: -1s}}]}":                        "idle: ",
		"{name: x, steps: [{publish: {kinds: [mail]}}]}":                `unknown kind "mail"`,
		"{name: x, steps: [{publish: {storage: attic}}]}":               `storage "attic"`,
		"{name: x, steps: [{publish: {for: 1s}}]}":                      "for needs rate",
		"{name: x, steps: [{publish: {for: 1s, rate: 2, events: 10}}]}": "and no events",
		"{name: x, steps: [{publish: {events: -1}}]}":                   "publish: ",
		"{name: x, steps: [{churn: {rate: -1}}]}":                       "churn: ",
		"{name: x, steps: [{stall: {}}]}":                               "stall: clients missing",
		"{name: x, steps: [{restart: {down: -1s}}]}":                    "restart: ",
		"{name: x, steps: [{floor: {}}]}":                               "floor: needs passes",
		"{name: x, steps: [{floor: {passes: 1, rate: 1, for: 1s}}]}":    "floor: needs passes",
		"{name: x, steps: [{nextcloud: {delay: -1s}}]}":                 "nextcloud: ",
		"{name: x, nextcloud: {delay: -1s}, steps: [{cut: {}}]}":        "nextcloud: ",
		"{name: x, backoff: -1s, steps: [{cut: {}}]}":                   "backoff: -1s",
		"{name: x, steps: [{leave: {settle: -1s}}]}":                    "leave: ",
		"{name: x, nodes: -1, steps: [{cut: {}}]}":                      "nodes: -1 is not between 1 and 100",
		"{name: x, nodes: 101, steps: [{cut: {}}]}":                     "nodes: 101",
		"{name: x, nodes: 2, steps: [{restart: {node: 3}}]}":            "step 1: restart: no node 3: there are 2",
		"{name: x, steps: [{restart: {rate: -1}}]}":                     "negative rate",
	} {
		_, err := Parse([]byte(text))
		require.ErrorContains(t, err, says, text)
	}
}

func TestScenarioOfAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.yaml")
	require.NoError(t, os.WriteFile(file, []byte("{name: mine, steps: [{cut: {}}]}"), 0o600))
	s, err := Load(file)
	require.NoError(t, err)
	require.Equal(t, "mine", s.Name)

	_, err = Load("nosuch")
	require.ErrorContains(t, err, "there are burst, churn,")
	_, err = Load(file + "x.yaml")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestSetDuration(t *testing.T) {
	const long = 6 * time.Hour
	for text, want := range map[string][]time.Duration{
		"{connect: {}}, {churn: {for: 2m}}, {idle: {for: 10s}}":                                       {long, 10 * time.Second},
		"{churn: {}}, {idle: {for: 59s}}":                                                             {long, 59 * time.Second},
		"{idle: {for: 59s}}, {churn: {}}":                                                             {59 * time.Second, long},
		"{idle: {}}, {idle: {name: again}}":                                                           {long, time.Minute},
		"{publish: {rate: 1, for: 2s}}, {publish: {name: n, rate: 1, for: 3s}}":                       {2 * time.Second, long},
		"{publish: {rate: 1, for: 2s}}, {publish: {name: n, events: 3}}, {floor: {rate: 1, for: 9s}}": {long},
		"{publish: {events: 3}}":                                                                      nil,
	} {
		s, err := Parse([]byte("{name: x, steps: [" + text + "]}"))
		require.NoError(t, err)
		require.Equal(t, want != nil, s.SetDuration(long))
		var got []time.Duration
		for _, step := range s.Steps {
			if length := step.length(); length != nil {
				got = append(got, *length)
			}
		}
		require.Equal(t, want, got, text)
	}
}

func TestChurnOfAnotherDuration(t *testing.T) {
	s, err := Load("churn")
	require.NoError(t, err)
	s.SetDuration(6 * time.Hour)
	require.Equal(t, 6*time.Hour, s.Steps[1].Churn.For)
	require.Equal(t, 10*time.Second, s.Steps[2].Idle.For)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("{name: x, clients: 5, steps: [{connect: {in_flight: 2}}, {publish: {events: 5}}]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text)
		if err == nil {
			require.NoError(t, s.check())
			require.Positive(t, s.users())
		}
	})
}

func TestTargetsNameStepsThatExist(t *testing.T) {
	text, err := os.ReadFile("report/targets.yaml")
	require.NoError(t, err)
	var targets []struct{ What, Scenario, Step string }
	require.NoError(t, yaml.Unmarshal(text, &targets))
	require.NotEmpty(t, targets)
	for _, target := range targets {
		s, err := Load(target.Scenario)
		require.NoError(t, err)
		titles := []string{"start"}
		for _, step := range s.Steps {
			title, _, err := step.action()
			require.NoError(t, err)
			titles = append(titles, title)
		}
		require.Contains(t, titles, target.Step, target.What)
	}
}

func TestTheScenarioOfTheDocumentIsValid(t *testing.T) {
	text, err := os.ReadFile("../docs/loadtest.md")
	require.NoError(t, err)
	_, block, _ := strings.Cut(string(text), "```yaml\n")
	block, _, _ = strings.Cut(block, "```")
	s, err := Parse([]byte(block))
	require.NoError(t, err)
	require.NotEmpty(t, s.Steps)
}
