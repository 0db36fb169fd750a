package transport

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
)

// serve serves a handler on a listener until the test ends.
func serve(t testing.TB, listener net.Listener, handler http.Handler) {
	t.Helper()
	serveBy(t, NewServer(handler, nil), listener)
}

func serveBy(t testing.TB, server *http.Server, listener net.Listener) {
	t.Helper()
	var running sync.WaitGroup
	before := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if before != nil {
			before(conn, state)
		}
		switch state {
		case http.StateNew:
			running.Add(1)
		case http.StateClosed, http.StateHijacked:
			running.Done()
		}
	}
	running.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		_ = server.Close()
		running.Wait()
	})
}

// dialUnix returns a transport that connects to a unix socket, whatever the URL.
func dialUnix(path string) *http.Transport {
	return &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
}
