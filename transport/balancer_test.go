package transport

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/testkit"
)

func TestAnswerBalancers(t *testing.T) {
	problems := map[string]string{}
	others := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "another page") })
	server := httptest.NewServer(AnswerBalancers(func() map[string]string { return problems }, others))
	t.Cleanup(server.Close)
	const well, drained = `{"ready":true,"reasons":{}}`, `{"ready":false,"reasons":{"drain":"why"}}`
	for _, test := range []struct {
		request, well, drained string
	}{
		{"GET /readyz?for=balancer", well, drained},
		{"GET /push/readyz?for=balancer", well, drained},
		{"GET /push//readyz?for=balancer&x=1", well, drained},
		{"HEAD /readyz?for=balancer", "", ""},
		{"GET /readyz", "another page", "another page"},
		{"GET /readyz?for=others", "another page", "another page"},
		{"GET /notreadyz?for=balancer", "another page", "another page"},
		{"POST /readyz?for=balancer", "another page", "another page"},
	} {
		method, path, _ := strings.Cut(test.request, " ")
		problems = nil
		got := testkit.Request(t, method, server.URL+path)
		require.Equal(t, 200, got.Status, test.request)
		require.Equal(t, test.well, strings.TrimSpace(got.Body), test.request)
		problems = map[string]string{"drain": "why"}
		got = testkit.Request(t, method, server.URL+path)
		require.Equal(t, test.drained, strings.TrimSpace(got.Body), test.request)
		if test.drained != "another page" {
			require.Equal(t, 503, got.Status, test.request)
			require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
		}
	}
}

// A drained server answers handshakes with what has proxies try another server, before and in net/http, and forgets these clients.
func TestHandshakeAtADrainedServer(t *testing.T) {
	listener := loopback(t)
	b := newBench(t, loopback(t), WebsocketOptions{Limits: Limits{LoginsPerAddress: 4}})
	server := &http.Server{Handler: NewHandler(b.websocket, nil, "1.2.3")}
	go func() { _ = server.Serve(b.websocket.Intercept(server, listener)) }()
	t.Cleanup(func() { server.Close() })
	require.NoError(t, b.System.Drain())
	url := "http://" + listener.Addr().String() + "/ws"
	for range 20 {
		for _, header := range [][]string{upgradeHeader, append([]string{"Transfer-Encoding", "identity"}, upgradeHeader...)} {
			got := testkit.Request(t, "GET", url, header...)
			require.Equal(t, 503, got.Status)
			require.Contains(t, got.Body, actors.ErrDrained.Error())
			require.NotEmpty(t, got.Header.Get("Retry-After"))
		}
	}
	require.EqualValues(t, 40, b.System.Stats().Closed[actors.Drained])
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	conn.Close()
}
