package monitor

import (
	"context"
	"net/http"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/textreply"
	"github.com/notifypush/notifypush/transport"
)

// probeTimeout bounds Source.Probe.
const probeTimeout = 5 * time.Second

// Source is what a monitor reads: methods of an actors.System mostly. What is nil is left out.
type Source struct {
	// Version is this server's own.
	Version string
	Stats   func() actors.Stats
	// Problems returns why the server is not ready: a sentence by dependency; empty when it is.
	Problems func() map[string]string
	// Dependencies are names that Problems may have, each of which has a metric.
	Dependencies []string
	// NewcomerProblems returns, in the same way, why a load balancer should send newcomers to other servers: what is this server's
	// own, and none of what all have.
	NewcomerProblems func() map[string]string
	// Warning returns what is wrong although the server is ready: that it hears another Nextcloud's events. It is empty where
	// nothing is.
	Warning func() string
	// Probe returns an error when the process makes no progress any more. It returns when ctx ends, after 5 s.
	Probe func(ctx context.Context) error
	// Status is for the status page; nil: there is none.
	Status *Status
}

// New returns the handler of the operators' port: /metrics for Prometheus, /livez, /readyz, /version
// and the status page.
func New(source Source) http.Handler {
	source = source.completed()
	mux := http.NewServeMux()
	serveMetrics(mux, NewCollector(source, nil))
	source.serveHealth(mux)
	if source.Status != nil {
		source.Status.serveAt(mux, &source)
	}
	return mux
}

func (s *Source) serveHealth(mux *http.ServeMux) {
	mux.HandleFunc("GET /livez", s.serveLivez)
	mux.HandleFunc("GET /readyz", s.serveReadyz)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { textreply.Write(w, s.Version) })
}

// completed returns the source with what is left out.
func (s Source) completed() Source {
	if s.Stats == nil {
		s.Stats = func() actors.Stats { return actors.Stats{} }
	}
	if s.Problems == nil {
		s.Problems = func() map[string]string { return nil }
	}
	if s.NewcomerProblems == nil {
		s.NewcomerProblems = func() map[string]string { return nil }
	}
	if s.Warning == nil {
		s.Warning = func() string { return "" }
	}
	if s.Probe == nil {
		s.Probe = func(context.Context) error { return nil }
	}
	return s
}

// serveLivez fails only when a restart helps.
func (s *Source) serveLivez(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
	defer cancel()
	if err := s.Probe(ctx); err != nil {
		http.Error(w, "the server makes no progress: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	textreply.Write(w, "ok\n")
}

// serveReadyz says whether the server is ready, and if not why; a load balancer, whether to send newcomers here.
func (s *Source) serveReadyz(w http.ResponseWriter, r *http.Request) {
	problems := s.Problems
	if transport.AsksForBalancer(r) {
		problems = s.NewcomerProblems
	}
	textreply.WriteReadiness(w, problems())
}
