package monitor

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/textreply"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// probeTimeout is how long the actor system may take to prove that it makes progress.
const probeTimeout = 5 * time.Second

// Source is where a monitor gets its facts from. All fields are required.
type Source struct {
	// Version is this server's own.
	Version string
	Stats   func() actors.Stats
	// Problems returns why the server is not ready, by what is wrong and in words; empty when all
	// is well.
	Problems func() map[string]string
	// Probe returns an error when the process can no longer make progress. It honours ctx, which
	// lasts 5 s.
	Probe func(ctx context.Context) error
}

// New returns the handler of the operator's port: /metrics for Prometheus, /livez, /readyz
// and /version.
func New(source Source) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(newRegistry(&source), promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", source.serveLivez)
	mux.HandleFunc("GET /readyz", source.serveReadyz)
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { textreply.Write(w, source.Version) })
	return mux
}

// serveLivez fails only where a restart is the remedy.
func (s *Source) serveLivez(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
	defer cancel()
	if err := s.Probe(ctx); err != nil {
		http.Error(w, "the server makes no progress: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	textreply.Write(w, "ok\n")
}

// serveReadyz says whether the server does its job now, and if not why, as JSON.
func (s *Source) serveReadyz(w http.ResponseWriter, _ *http.Request) {
	problems := s.Problems()
	if problems == nil {
		problems = map[string]string{}
	}
	w.Header().Set("Content-Type", "application/json")
	if len(problems) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(struct {
		Ready   bool              `json:"ready"`
		Reasons map[string]string `json:"reasons"`
	}{len(problems) == 0, problems})
}
