package test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/stretchr/testify/require"
)

// Section 7: metrics.

// TestConformanceMetrics counts what it does.
func TestConformanceMetrics(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	p := s.serveAtOnce()
	for _, name := range []string{
		"active_connection_count", "active_user_count", "total_connection_count", "mapping_query_count", "event_count_total",
		"message_count_total", `message_count_total{type="file"}`, `message_count_total{type="notification"}`,
		`message_count_total{type="activity"}`, `message_count_total{type="custom"}`,
	} {
		require.Zero(t, p.metric(name), name)
	}

	alice, again, bob := p.login("alice"), p.login("alice"), p.login("bob")
	require.NoError(t, again.ws.Close(websocket.StatusNormalClosure, ""))
	p.awaitMetric("active_connection_count", 2)
	s.publishAtOnce(fileEvent(7, "files", 1))
	alice.expect("notify_file")
	for user, c := range map[string]*pushClient{"alice": alice, "bob": bob} {
		s.publishAtOnce(eventFor("notify_activity", user), eventFor("notify_notification", user), eventFor("notify_notification", user),
			customEvent(user, "1"), customEvent(user, "2"))
		c.expect("notify_activity", "notify_notification", "notify_notification", "1", "2")
	}
	s.publishAtOnce(eventFor("notify_activity", "carol")) // who is not there
	p.awaitMetric("event_count_total", 12)

	for name, value := range map[string]float64{
		"active_connection_count":                  2,
		"active_user_count":                        2,
		"total_connection_count":                   3,
		"event_count_total":                        12,
		"message_count_total":                      11,
		`message_count_total{type="file"}`:         1,
		`message_count_total{type="notification"}`: 4,
		`message_count_total{type="activity"}`:     2,
		`message_count_total{type="custom"}`:       4,
	} {
		require.Equal(t, value, p.metric(name), name)
	}

	s.publish("notify_query", `"metrics"`)
	var text string
	p.await("the counters are in Redis", func() (found bool) {
		text, found = s.key("notify_push_metrics")
		return found
	})
	var counters map[string]int
	require.NoError(t, json.Unmarshal([]byte(text), &counters))
	require.Positive(t, counters["mapping_query_count"]) // rows are read again after 2 s, which may have been by now
	delete(counters, "mapping_query_count")
	require.Equal(t, map[string]int{
		"active_connection_count": 2, "active_user_count": 2, "total_connection_count": 3, "events_received": 13,
		"messages_sent": 11, "messages_sent_file": 1, "messages_sent_activity": 2, "messages_sent_notification": 4, "messages_sent_custom": 4,
	}, counters)
}

func TestConformanceTypedMetrics(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	page := newSite(t).serve().metrics()
	for name, kind := range map[string]string{
		"notify_push_connections":            "gauge",
		"notify_push_users":                  "gauge",
		"notify_push_connections_total":      "counter",
		"notify_push_events_total":           "counter",
		"notify_push_messages_sent_total":    "counter",
		"notify_push_logins_total":           "counter",
		"notify_push_logins_rechecked_total": "counter",
		"notify_push_logins_refused_total":   "counter",
	} {
		require.Contains(t, page, fmt.Sprintf("# TYPE %s %s\n", name, kind))
		require.Contains(t, page, fmt.Sprintf("# HELP %s ", name))
	}
}

// TestConformanceCountsAreExact has connections of a few users end in different ways at the same moment.
func TestConformanceCountsAreExact(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	const users, connectionsOfEach = 8, 12
	s := newSite(t)
	p := s.serveAtOnce()
	var clients []*pushClient
	for user := range users {
		s.addUser(fmt.Sprint("user ", user))
		for range connectionsOfEach {
			clients = append(clients, p.login(fmt.Sprint("user ", user)))
		}
	}
	require.EqualValues(t, users, p.metric("active_user_count"))
	require.EqualValues(t, len(clients), p.metric("active_connection_count"))

	var ending sync.WaitGroup
	for i, c := range clients {
		ending.Go(func() {
			switch i % 4 {
			case 0:
				_ = c.ws.Close(websocket.StatusNormalClosure, "")
			case 1:
				_ = c.conn.Close()
			case 2:
				_, _ = c.conn.Write(testkit.ClientFrame(testkit.Final|2, "binary"))
			default: // until the reset
			}
		})
	}
	s.publish("notify_signal", `"reset"`)
	ending.Wait()
	p.awaitMetric("active_connection_count", 0)
	p.awaitMetric("active_user_count", 0)
	require.EqualValues(t, len(clients), p.metric("total_connection_count"))
	closed := 0.0
	for _, reason := range []string{"closed_by_client", "connection_lost", "message_unsupported", "reset_requested"} {
		closed += p.metric(fmt.Sprintf(`notify_push_connections_closed_total{reason=%q}`, reason))
	}
	require.EqualValues(t, len(clients), closed)
}
