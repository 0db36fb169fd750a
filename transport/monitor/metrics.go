package monitor

import (
	"runtime"

	"github.com/notifypush/notifypush/actors"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// newRegistry returns the server's metrics, those of its process and those of the Go runtime.
func newRegistry(source *Source) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		&families{source},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return registry
}

// families collects the actor system's counters whenever metrics are asked for.
type families struct{ source *Source }

// Describe says nothing, which leaves the collector unchecked: message_count_total comes with and
// without a label, which a checked one may not do.
func (f *families) Describe(chan<- *prometheus.Desc) {}

// Collect sends all metrics.
func (f *families) Collect(metrics chan<- prometheus.Metric) {
	stats := f.source.Stats()
	sink := sink(metrics)
	sink.established(stats)
	sink.clients(stats)
	sink.events(stats)
	sink.failures(stats)
	sink.gauge("notify_push_ready", "Whether nothing is wrong with the neighbours, as /readyz says: 1 or 0.", btou(len(f.source.Problems()) == 0))
	sink.one("notify_push_build_info", "What is running; always 1.", prometheus.GaugeValue, 1,
		[]string{"version", "go_version"}, f.source.Version, runtime.Version())
}

// sink takes the metrics of one collection.
type sink chan<- prometheus.Metric

// established sends what the app's own daemon calls its metrics; dashboards know these names.
// Untyped, for some of the names say another type than they are of.
func (s sink) established(stats actors.Stats) {
	old := func(name, now string, value uint64, labels ...string) {
		var names []string
		if labels != nil {
			names = []string{"type"}
		}
		s.one(name, "The older name of "+now+".", prometheus.UntypedValue, value, names, labels...)
	}
	old("active_connection_count", "notify_push_connections", stats.ActiveConnections)
	old("active_user_count", "notify_push_users", stats.ActiveUsers)
	old("total_connection_count", "notify_push_connections_total", stats.TotalConnections)
	old("mapping_query_count", "notify_push_mapping_queries_total", stats.MappingQueries)
	old("event_count_total", "notify_push_events_total", stats.EventsReceived)
	old("message_count_total", "notify_push_messages_sent_total", stats.AllMessagesSent())
	for kind, n := range stats.MessagesSent {
		old("message_count_total", "notify_push_messages_sent_total", n, actors.Kind(kind).String())
	}
}

func (s sink) clients(stats actors.Stats) {
	s.gauge("notify_push_connections", "Connections of clients that are logged in.", stats.ActiveConnections)
	s.gauge("notify_push_users", "Users with at least one connection.", stats.ActiveUsers)
	s.counter("notify_push_connections_total", "Connections of clients that logged in.", stats.TotalConnections)
	for reason, n := range stats.Closed {
		s.labelled("notify_push_connections_closed_total", "Connections that ended, before the login too, by what ended them.", n,
			"reason", actors.CloseReason(reason).String())
	}
	const logins = "notify_push_logins_total"
	const loginsHelp = "Logins by what was asked: an issued token, an earlier login that is remembered, or Nextcloud."
	s.labelled(logins, loginsHelp, stats.Logins.Token, "source", "token")
	s.labelled(logins, loginsHelp, stats.Logins.Cached, "source", "cached")
	s.labelled(logins, loginsHelp, stats.Logins.Nextcloud, "source", "nextcloud")
	s.counter("notify_push_logins_refused_total", "Logins that were refused.", stats.Logins.Refused)
}

func (s sink) events(stats actors.Stats) {
	s.counter("notify_push_events_total", "Events that Nextcloud published.", stats.EventsReceived)
	s.counter("notify_push_events_malformed_total", "Payloads that could not be understood.", stats.EventsMalformed)
	s.counter("notify_push_events_expired_total", "Events that waited in vain for the database.", stats.EventsExpired)
	s.counter("notify_push_mapping_queries_total", "Queries of who sees a storage.", stats.MappingQueries)
	for kind, n := range stats.MessagesSent {
		s.labelled("notify_push_messages_sent_total", "Pushes sent to clients, by what they are about.", n,
			"type", actors.Kind(kind).String())
	}
}

func (s sink) failures(stats actors.Stats) {
	s.counter("notify_push_resyncs_total", "Times that the subscription to Redis was regained after a gap.", stats.Resyncs)
	s.counter("notify_push_actor_failures_total", "Actors that failed, each a defect of this server.", stats.ActorFailures)
	s.counter("notify_push_dead_letters_total", "Messages to actors that were gone.", stats.DeadLetters)
}

func (s sink) gauge(name, help string, value uint64) {
	s.one(name, help, prometheus.GaugeValue, value, nil)
}

func (s sink) counter(name, help string, value uint64) {
	s.one(name, help, prometheus.CounterValue, value, nil)
}

func (s sink) labelled(name, help string, value uint64, label, text string) {
	s.one(name, help, prometheus.CounterValue, value, []string{label}, text)
}

func (s sink) one(name, help string, kind prometheus.ValueType, value uint64, labels []string, texts ...string) {
	s <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, labels, nil), kind, float64(value), texts...)
}

func btou(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
