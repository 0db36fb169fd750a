package monitor

import (
	"net/http"
	"runtime"

	"github.com/notifypush/notifypush/actors"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// serveMetrics serves metrics, and those of the process and of the Go runtime.
func serveMetrics(mux *http.ServeMux, metrics prometheus.Collector) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
}

// NewCollector returns the metrics of one push server for a registry of yours, with these constant labels
// (nil for none). Several servers in one process need labels that tell them apart. Source.Probe is not used.
func NewCollector(source Source, labels prometheus.Labels) prometheus.Collector {
	return &collector{source.completed(), labels}
}

// collector reads the counters when metrics are scraped.
type collector struct {
	source Source
	labels prometheus.Labels
}

// Describe sends nothing, which makes the collector an unchecked one: message_count_total comes with and
// without a label, which a checked one may not do.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends all metrics.
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	stats := c.source.Stats()
	sink := sink{metrics, c.labels}
	sink.established(stats)
	sink.clients(stats)
	sink.events(stats)
	sink.failures(stats)
	problems := c.source.Problems()
	sink.ready(len(problems) == 0)
	for _, name := range c.source.Dependencies {
		_, isAway := problems[name]
		sink.one("notify_push_dependency_available", "1 while a dependency is available, else 0.", prometheus.GaugeValue, btou(!isAway), []string{"dependency"}, name)
	}
	sink.gauge("notify_push_takes_newcomers", "1 while a load balancer should send newcomers here, as /readyz?for=balancer says, else 0.", btou(len(c.source.NewcomerProblems()) == 0))
	sink.gauge("notify_push_foreign_nextcloud", "1 while another Nextcloud uses the same channels of Redis, else 0.", btou(c.source.Warning() != ""))
	sink.one("notify_push_build_info", "What is running; always 1.", prometheus.GaugeValue, 1,
		[]string{"version", "go_version"}, c.source.Version, runtime.Version())
}

// sink takes the metrics of one scrape.
type sink struct {
	metrics chan<- prometheus.Metric
	labels  prometheus.Labels
}

// established sends the metrics under the names of the app's own daemon, which dashboards know. They are
// untyped, because some of the names promise another type than theirs.
func (s sink) established(stats actors.Stats) {
	old := func(name, now string, value uint64, labels ...string) {
		var names []string
		if labels != nil {
			names = []string{"type"}
		}
		s.one(name, "Name of "+now+" in the app's own daemon.", prometheus.UntypedValue, value, names, labels...)
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
	s.gauge("notify_push_connections", "Authenticated connections.", stats.ActiveConnections)
	s.gauge("notify_push_users", "Users with at least one connection.", stats.ActiveUsers)
	s.counter("notify_push_connections_total", "Authenticated connections since the start.", stats.TotalConnections)
	for reason, n := range stats.Closed {
		s.labelled("notify_push_connections_closed_total", "Connections that ended, unauthenticated ones included, by reason.", n,
			"reason", actors.CloseReason(reason).String())
	}
	const logins = "notify_push_logins_total"
	const loginsHelp = "Logins by source: a pre-auth token, the cache of verified logins, or Nextcloud."
	s.labelled(logins, loginsHelp, stats.Logins.Token, "source", "token")
	s.labelled(logins, loginsHelp, stats.Logins.Cached, "source", "cached")
	s.labelled(logins, loginsHelp, stats.Logins.Nextcloud, "source", "nextcloud")
	s.counter("notify_push_logins_rechecked_total", "Logins that were let in as cached and that Nextcloud was asked about later.", stats.Logins.Rechecked)
	s.gauge("notify_push_logins_waiting", "Logins that wait for their turn at Nextcloud.", stats.LoginsWaiting)
	s.gauge("notify_push_logins_in_flight", "Logins that Nextcloud is asked about now.", stats.LoginsInFlight)
	s.counter("notify_push_logins_refused_total", "Refused logins.", stats.Logins.Refused)
}

func (s sink) events(stats actors.Stats) {
	s.counter("notify_push_events_total", "Events that Nextcloud published.", stats.EventsReceived)
	s.counter("notify_push_events_malformed_total", "Malformed event payloads.", stats.EventsMalformed)
	s.counter("notify_push_events_expired_total", "File events dropped because the database was unavailable for too long.", stats.EventsExpired)
	s.counter("notify_push_mapping_queries_total", "Queries of the mounts table.", stats.MappingQueries)
	for kind, n := range stats.MessagesSent {
		s.labelled("notify_push_messages_sent_total", "Pushes sent to clients, by type.", n,
			"type", actors.Kind(kind).String())
	}
}

func (s sink) failures(stats actors.Stats) {
	s.counter("notify_push_resyncs_total", "Reconnects to Redis after which clients were sent a refresh.", stats.Resyncs)
	s.counter("notify_push_actor_failures_total", "Panics of actors; each is a defect of this server.", stats.ActorFailures)
	s.counter("notify_push_dead_letters_total", "Messages to actors that had stopped.", stats.DeadLetters)
	s.counter("notify_push_hooks_dropped_total", "Calls of an embedding program's hooks that were dropped because they are too slow.", stats.HooksDropped)
}

func (s sink) ready(is bool) {
	s.gauge("notify_push_ready", "1 while all dependencies are available, as /readyz says, else 0.", btou(is))
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
	s.metrics <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, labels, s.labels), kind, float64(value), texts...)
}

func btou(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
