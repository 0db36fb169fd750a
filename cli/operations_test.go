package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/transport/monitor"
)

var (
	word         = regexp.MustCompile(`[a-zA-Z_][a-zA-Z0-9_]*`)
	selector     = regexp.MustCompile(`([a-z_]+)\{([^}]*)\}`)
	matcher      = regexp.MustCompile(`([a-z_]+)(=~?)"([^"]*)"`)
	notMetrics   = regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]|\b(?:by|without) \([^)]*\)|\boffset \w+|"[^"]*"`)
	wordsOfQuery = []string{"sum", "min", "max", "rate", "increase", "and", "up"}
)

// requireMetrics wants every metric of a query, with the labels that are asked for, to be among those that the server exposes.
func requireMetrics(t *testing.T, exposed, query string) {
	t.Helper()
	names := word.FindAllString(notMetrics.ReplaceAllString(query, " "), -1)
	require.NotEmpty(t, names, query)
	for _, name := range names {
		if !slices.Contains(wordsOfQuery, name) {
			require.Regexp(t, `(?m)^`+name+`[{ ]`, exposed, query)
		}
	}
	for _, found := range selector.FindAllStringSubmatch(query, -1) {
		for _, label := range matcher.FindAllStringSubmatch(found[2], -1) {
			if label[1] == "job" {
				continue // Prometheus adds it
			}
			for value := range strings.SplitSeq(label[3], "|") {
				require.Contains(t, exposed, found[1]+`{`+label[1]+`="`+value+`"}`, query)
			}
		}
	}
	for _, found := range regexp.MustCompile(`(?:by|without) \((\w+)\) \(\w+\((\w+)`).FindAllStringSubmatch(query, -1) {
		require.Contains(t, exposed, found[2]+"{"+found[1]+`="`, query)
	}
}

// exposition is what /metrics says.
func exposition(t *testing.T) string {
	monitor := monitor.New(monitor.Source{
		Version: "1", Stats: func() actors.Stats { return actors.Stats{} },
		Problems: func() map[string]string { return nil }, Probe: func(context.Context) error { return nil }, Dependencies: dependencies,
	})
	recorder := httptest.NewRecorder()
	monitor.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, 200, recorder.Code)
	return recorder.Body.String()
}

func TestAlertsUseMetricsThatThereAre(t *testing.T) {
	text, err := os.ReadFile("../docs/deploy/prometheus-alerts.yml")
	require.NoError(t, err)
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&file))
	exposed := exposition(t)
	require.Len(t, file.Groups, 1)
	require.NotEmpty(t, file.Groups[0].Rules)
	for _, rule := range file.Groups[0].Rules {
		requireMetrics(t, exposed, rule.Expr)
		require.Contains(t, []string{"critical", "warning"}, rule.Labels["severity"], rule.Alert)
		require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		require.NotEmpty(t, rule.Annotations["description"], rule.Alert)
	}
}

func TestDashboardUsesMetricsThatThereAre(t *testing.T) {
	text, err := os.ReadFile("../docs/deploy/grafana-dashboard.json")
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &dashboard))
	exposed := exposition(t)
	require.NotEmpty(t, dashboard.Panels)
	for i, panel := range dashboard.Panels {
		require.Equal(t, i+1, panel.ID, panel.Title)
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			requireMetrics(t, exposed, target.Expr)
		}
	}
}

func TestOperationsNamesMetricsThatThereAre(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	exposed := exposition(t)
	named := regexp.MustCompile("`((?:notify_push|process|go)_[a-z_]+)(?:\\{(\\w+)\\})?`").FindAllStringSubmatch(string(text), -1)
	checked := 0
	for _, found := range named {
		if found[1] == "notify_push_redis" { // a key of config.php
			continue
		}
		checked++
		require.Regexp(t, `(?m)^`+found[1]+`[{ ]`, exposed)
		if found[2] != "" {
			require.Contains(t, exposed, found[1]+"{"+found[2]+`="`)
		}
	}
	require.Greater(t, checked, 9)
}

// TestStatusOfWhatWasNotAsked has no answer of Nextcloud, good or bad.
func TestStatusOfWhatWasNotAsked(t *testing.T) {
	var out strings.Builder
	printStatus(&out, monitor.StatusReply{Dependencies: []monitor.Dependency{
		{Name: "redis", OK: true, Latency: new(1.0), At: new(time.Time)}, {Name: "database"}, {Name: "nextcloud", OK: true},
	}})
	require.Regexp(t, `(?m)^redis +ok, `, out.String())
	require.Regexp(t, `(?m)^database +away$`, out.String())
	require.Regexp(t, `(?m)^nextcloud +not asked yet$`, out.String())
}
