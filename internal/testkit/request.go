// Package testkit holds what the tests of several packages share.
package testkit

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// Reply is an HTTP answer as a test looks at it.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// WithoutHeader is the reply with its status and body alone.
func (r Reply) WithoutHeader() Reply { return Reply{Status: r.Status, Body: r.Body} }

// Request makes one request on a connection of its own; header is a list of names and values.
func Request(t testing.TB, method, url string, header ...string) Reply {
	t.Helper()
	return RequestBy(t, &http.Transport{DisableKeepAlives: true}, method, url, header...)
}

// RequestBy makes one request by a transport, without following redirects.
func RequestBy(t testing.TB, by http.RoundTripper, method, url string, header ...string) Reply {
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
	return Reply{response.StatusCode, response.Header, string(body)}
}
