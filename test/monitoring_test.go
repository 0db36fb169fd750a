package test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/notifypush/notifypush/storage/storagetest"
)

type alert struct {
	Alert       string
	Expr        string
	Annotations map[string]string
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	require.NoError(t, yaml.Unmarshal([]byte(deployed(t, "prometheus-alerts.yml")), &file))
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

// TestEachAlertHasARunbook has a section for each alert, and none for what is no alert.
func TestEachAlertHasARunbook(t *testing.T) {
	t.Parallel()
	const place = "https://github.com/notifypush/notifypush/blob/main/docs/deploy/runbook.md#"
	var names []string
	for _, a := range alerts(t) {
		names = append(names, a.Alert)
		require.Equal(t, place+strings.ToLower(a.Alert), a.Annotations["runbook_url"])
	}
	var sections []string
	for _, found := range regexp.MustCompile(`(?m)^## (\w+)\n\n\S`).FindAllStringSubmatch(deployed(t, "runbook.md"), -1) {
		sections = append(sections, found[1])
	}
	require.Equal(t, names, sections)
}

// TestAlertsFire runs the unit tests of the rules, each of which has a server with the fault and one without.
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	promtool := storagetest.Program(t, "promtool")
	output, err := exec.Command(promtool, "check", "rules", "../docs/deploy/prometheus-alerts.yml").CombinedOutput()
	require.NoError(t, err, string(output))
	output, err = exec.Command(promtool, "test", "rules", "../docs/deploy/prometheus-alerts.test.yml").CombinedOutput()
	require.NoError(t, err, string(output))
	cases := deployed(t, "prometheus-alerts.test.yml")
	for _, a := range alerts(t) {
		named := regexp.QuoteMeta(fmt.Sprintf(`ALERTS{alertname=%q, alertstate="firing"}`, a.Alert))
		require.Regexp(t, named+`.*exp_samples: \[\]`, cases, "when it does not fire")
		require.Regexp(t, named+`.*\n.*\n +exp_samples: \[\{labels: '\{instance="bad"\}'`, cases, "when it fires")
	}
}

// prometheus is a running Prometheus that scrapes the operators' listener of a daemon.
type prometheus struct {
	t   *testing.T
	url string
}

func startPrometheus(t *testing.T, target string) *prometheus {
	t.Helper()
	program, folder := storagetest.Program(t, "prometheus"), storagetest.Dir(t)
	rules, err := filepath.Abs("../docs/deploy/prometheus-alerts.yml")
	require.NoError(t, err)
	config := filepath.Join(folder, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: notify_push
    static_configs: [{targets: [%q]}]
`, rules, target), 0o600))
	p := &prometheus{t, fmt.Sprintf("http://127.0.0.1:%d", storagetest.FreePort(t))}
	storagetest.StartProcess(t, func() error { _, err := p.get("/-/ready"); return err }, program, "--config.file="+config,
		"--storage.tsdb.path="+filepath.Join(folder, "data"), "--web.listen-address="+strings.TrimPrefix(p.url, "http://"))
	return p
}

func (p *prometheus) get(path string) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", path, response.Status)
	}
	if !strings.HasPrefix(path, "/api/") {
		return nil, nil
	}
	var body struct{ Data map[string]any }
	return body.Data, json.NewDecoder(response.Body).Decode(&body)
}

// samples is how many a query has now.
func (p *prometheus) samples(query string) int {
	p.t.Helper()
	data, err := p.get("/api/v1/query?query=" + url.QueryEscape(query))
	require.NoError(p.t, err, query)
	result, isList := data["result"].([]any)
	require.True(p.t, isList, query)
	return len(result)
}

// TestPrometheusUnderstandsDashboardAndAlerts has a Prometheus scrape a server that clients use, and asks it what the dashboard asks.
func TestPrometheusUnderstandsDashboardAndAlerts(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	storagetest.Program(t, "prometheus")
	s, p := wellSite(t)
	alice := p.login("alice")
	s.publishAtOnce(customEvent("alice", "hello"))
	alice.expect("hello")
	metrics := startPrometheus(t, fmt.Sprintf("127.0.0.1:%d", p.metricsPort))
	p.await("it was scraped twice", func() bool { return metrics.samples(`rate(notify_push_events_total[1m])`) > 0 })

	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(deployed(t, "grafana-dashboard.json")), &dashboard))
	asked := 0
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			query := strings.NewReplacer("$job", "notify_push", "$__rate_interval", "1m").Replace(target.Expr)
			require.NotContains(t, query, "$", panel.Title)
			query = strings.TrimSuffix(query, " > 0") // which leaves nothing out but what did not happen yet
			require.Positive(t, metrics.samples(query), "%s: %s", panel.Title, query)
			asked++
		}
	}
	require.Greater(t, asked, 15)

	data, err := metrics.get("/api/v1/rules")
	require.NoError(t, err)
	rules, err := json.Marshal(data)
	require.NoError(t, err)
	for _, a := range alerts(t) {
		require.Contains(t, string(rules), `"name":"`+a.Alert+`"`)
	}
	require.NotContains(t, string(rules), `"health":"err"`)
	require.Zero(t, metrics.samples(`ALERTS{alertstate="firing"}`), "nothing is wrong")

	p.terminate()
	require.Eventually(t, func() bool { return metrics.samples(`ALERTS{alertname="NotifyPushDown"}`) > 0 }, patience, 100*time.Millisecond, "it is noticed")
}
