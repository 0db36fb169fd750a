package transport

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// reply is an answer as a test looks at it.
type reply struct {
	status int
	header http.Header
	body   string
}

// request makes one request on a connection of its own; header is a list of names and values.
func request(t testing.TB, method, url string, header ...string) reply {
	t.Helper()
	return requestBy(t, &http.Transport{DisableKeepAlives: true}, method, url, header...)
}

// requestBy makes one request by a transport, without following redirects.
func requestBy(t testing.TB, by *http.Transport, method, url string, header ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	response, err := by.RoundTrip(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{response.StatusCode, response.Header, string(body)}
}

// serve serves a handler on a listener until the test ends.
func serve(t testing.TB, listener net.Listener, handler http.Handler) {
	t.Helper()
	server := NewServer(handler, nil)
	var running sync.WaitGroup
	server.ConnState = func(_ net.Conn, state http.ConnState) {
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
