package transport

import (
	"net/http"
	"time"

	"go.uber.org/zap"
)

// NewServer returns an HTTP server that clients cannot wear down: what does not send a whole
// header of at most 16 KiB within 10 s is gone, and so is what then stays idle for a minute.
// What goes wrong with single connections is logged at debug level; a nil log is nowhere.
func NewServer(handler http.Handler, log *zap.Logger) *http.Server {
	if log == nil {
		log = zap.NewNop()
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    12 << 10, // and 4 KiB that net/http reads beyond it
	}
	// The only error is that of a level that doesn't exist.
	server.ErrorLog, _ = zap.NewStdLogAt(log, zap.DebugLevel)
	return server
}
