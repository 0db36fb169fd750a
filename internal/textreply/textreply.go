// Package textreply answers HTTP requests in plain text.
package textreply

import "net/http"

// Write writes a text and nothing else, not even the end of the line: the app compares it. Nobody on the
// way may keep it.
func Write(w http.ResponseWriter, text string) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(text))
}
