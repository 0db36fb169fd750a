// Package textreply answers HTTP requests in short texts.
package textreply

import (
	"encoding/json"
	"net/http"
)

// Write writes a text and nothing else, not even the end of the line: the app compares it. Nobody on the
// way may keep it.
func Write(w http.ResponseWriter, text string) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(text))
}

// WriteReadiness writes as JSON that a server is ready, or with status 503 why it is not: a sentence by name.
func WriteReadiness(w http.ResponseWriter, problems map[string]string) {
	if problems == nil {
		problems = map[string]string{}
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	if len(problems) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(struct {
		Ready   bool              `json:"ready"`
		Reasons map[string]string `json:"reasons"`
	}{len(problems) == 0, problems})
}
