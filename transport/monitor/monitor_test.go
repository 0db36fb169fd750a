package monitor

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// wellSource is that of a server to which something has happened, and which is well.
func wellSource() Source {
	return Source{
		Version: "9.8.7",
		Stats: func() actors.Stats {
			stats := actors.Stats{
				ActiveConnections: 1, ActiveUsers: 2, TotalConnections: 3, MappingQueries: 4, EventsReceived: 5,
				EventsMalformed: 6, EventsExpired: 7, Resyncs: 8, ActorFailures: 9, DeadLetters: 10,
				LoginsWaiting: 16, LoginsInFlight: 17,
				Logins: actors.Logins{Token: 11, Cached: 12, Nextcloud: 13, Refused: 14},
			}
			stats.MessagesSent = [4]uint64{actors.KindFile: 100, actors.KindActivity: 200, actors.KindNotification: 300, actors.KindCustom: 400}
			stats.Closed[actors.TooSlow] = 15
			return stats
		},
		Problems: func() map[string]string { return nil },
		Probe:    func(context.Context) error { return nil },
	}
}

func serveMonitor(t testing.TB, source Source) (url string) {
	t.Helper()
	server := httptest.NewServer(New(source))
	t.Cleanup(server.Close)
	return server.URL
}

func TestMetrics(t *testing.T) {
	got := testkit.Request(t, "GET", serveMonitor(t, wellSource())+"/metrics")
	require.Equal(t, 200, got.Status)
	require.True(t, strings.HasPrefix(got.Header.Get("Content-Type"), "text/plain; version=0.0.4"))
	lines := strings.Split(got.Body, "\n")
	for _, want := range []string{
		// The names that dashboards know.
		"active_connection_count 1",
		"active_user_count 2",
		"total_connection_count 3",
		"mapping_query_count 4",
		"event_count_total 5",
		"message_count_total 1000",
		`message_count_total{type="file"} 100`,
		`message_count_total{type="activity"} 200`,
		`message_count_total{type="notification"} 300`,
		`message_count_total{type="custom"} 400`,

		"notify_push_connections 1",
		"notify_push_users 2",
		"notify_push_connections_total 3",
		`notify_push_connections_closed_total{reason="too_slow"} 15`,
		`notify_push_connections_closed_total{reason="pong_missing"} 0`,
		"notify_push_mapping_queries_total 4",
		"notify_push_events_total 5",
		"notify_push_events_malformed_total 6",
		"notify_push_events_expired_total 7",
		"notify_push_resyncs_total 8",
		"notify_push_actor_failures_total 9",
		"notify_push_dead_letters_total 10",
		`notify_push_logins_total{source="token"} 11`,
		`notify_push_logins_total{source="cached"} 12`,
		`notify_push_logins_total{source="nextcloud"} 13`,
		"notify_push_logins_waiting 16",
		"notify_push_logins_in_flight 17",
		"notify_push_logins_refused_total 14",
		`notify_push_messages_sent_total{type="custom"} 400`,
		"notify_push_ready 1",
		"notify_push_foreign_nextcloud 0",
		"# TYPE notify_push_connections gauge",
		"# TYPE notify_push_connections_total counter",
		"# TYPE go_goroutines gauge",
	} {
		require.Contains(t, lines, want)
	}
	require.Contains(t, got.Body, `notify_push_build_info{go_version="go`)
	require.Contains(t, got.Body, `version="9.8.7"} 1`)
	require.Contains(t, got.Body, "process_resident_memory_bytes")
	for _, line := range lines {
		name, _, _ := strings.Cut(strings.ReplaceAll(line, "{", " "), " ")
		if strings.HasPrefix(name, "notify_push_") {
			require.Contains(t, got.Body, "# HELP "+name+" ")
			require.Contains(t, got.Body, "# TYPE "+name+" ")
			require.NotContains(t, got.Body, "# TYPE "+name+" untyped")
		}
	}
}

func TestEveryReasonHasAMetric(t *testing.T) {
	body := testkit.Request(t, "GET", serveMonitor(t, wellSource())+"/metrics").Body
	for reason := range (actors.Stats{}).Closed {
		require.Contains(t, body, `notify_push_connections_closed_total{reason="`+actors.CloseReason(reason).String()+`"}`)
	}
}

func TestReadyz(t *testing.T) {
	source := wellSource()
	got := testkit.Request(t, "GET", serveMonitor(t, source)+"/readyz")
	require.Equal(t, 200, got.Status)
	require.JSONEq(t, `{"ready": true, "reasons": {}}`, got.Body)
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))

	source.Problems = func() map[string]string { return map[string]string{"redis": "not subscribed yet"} }
	url := serveMonitor(t, source)
	got = testkit.Request(t, "GET", url+"/readyz")
	require.Equal(t, 503, got.Status)
	require.JSONEq(t, `{"ready": false, "reasons": {"redis": "not subscribed yet"}}`, got.Body)
	require.Contains(t, testkit.Request(t, "GET", url+"/metrics").Body, "notify_push_ready 0")
	require.Equal(t, 200, testkit.Request(t, "GET", url+"/livez").Status, "a restart would not help")
}

// What all servers have is no reason to send newcomers elsewhere.
func TestReadyzForBalancers(t *testing.T) {
	source := wellSource()
	source.Problems = func() map[string]string { return map[string]string{"redis": "not subscribed yet"} }
	url := serveMonitor(t, source)
	require.Equal(t, 200, testkit.Request(t, "GET", url+"/readyz?for=balancer").Status)
	require.Contains(t, testkit.Request(t, "GET", url+"/metrics").Body, "notify_push_takes_newcomers 1")

	source.NewcomerProblems = func() map[string]string { return map[string]string{"drain": "asked to"} }
	url = serveMonitor(t, source)
	got := testkit.Request(t, "GET", url+"/readyz?for=balancer")
	require.Equal(t, 503, got.Status)
	require.JSONEq(t, `{"ready": false, "reasons": {"drain": "asked to"}}`, got.Body)
	require.Contains(t, testkit.Request(t, "GET", url+"/metrics").Body, "notify_push_takes_newcomers 0")
}

func TestLivez(t *testing.T) {
	source := wellSource()
	require.Equal(t, testkit.Reply{Status: 200, Body: "ok\n"}, testkit.Request(t, "GET", serveMonitor(t, source)+"/livez").WithoutHeader())

	source.Probe = func(ctx context.Context) error {
		_, limited := ctx.Deadline()
		require.True(t, limited)
		return errors.New("the listener does not answer")
	}
	got := testkit.Request(t, "GET", serveMonitor(t, source)+"/livez")
	require.Equal(t, testkit.Reply{Status: 503, Body: "the server makes no progress: the listener does not answer\n"}, got.WithoutHeader())
}

func TestMonitorServesNothingElse(t *testing.T) {
	url := serveMonitor(t, wellSource())
	require.Equal(t, testkit.Reply{Status: 200, Body: "9.8.7"}, testkit.Request(t, "GET", url+"/version").WithoutHeader())
	require.Equal(t, 404, testkit.Request(t, "GET", url+"/").Status, "without Status there is no page")
	require.Equal(t, 404, testkit.Request(t, "GET", url+"/debug/pprof/").Status)
	require.Equal(t, 405, testkit.Request(t, "POST", url+"/metrics").Status)
}

// Two servers in one process differ by their labels.
func TestCollectorHasLabels(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	for _, instance := range []string{"a", "b"} {
		require.NoError(t, registry.Register(NewCollector(wellSource(), prometheus.Labels{"instance": instance})))
	}
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() == "notify_push_connections" {
			require.Len(t, family.GetMetric(), 2)
			require.Equal(t, "a", family.GetMetric()[0].GetLabel()[0].GetValue())
			return
		}
	}
	t.Fatal("no notify_push_connections")
}
