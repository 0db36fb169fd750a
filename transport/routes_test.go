package transport

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/stretchr/testify/require"
)

// upgradeHeader is what a websocket client sends.
var upgradeHeader = []string{
	"Connection", "keep-alive, Upgrade",
	"Upgrade", "WebSocket",
	"Sec-WebSocket-Version", "13",
	"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
}

// newRoutes serves all routes; in place of the websocket is a handler that says so.
func newRoutes(t testing.TB) (url string) {
	t.Helper()
	websocket := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuseInvalidHandshake(w, r) == "" {
			fmt.Fprint(w, "a websocket")
		}
	})
	selfTest := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "a test: ", r.Method, " ", r.URL.Path) })
	server := httptest.NewServer(NewHandler(websocket, selfTest, "9.8.7"))
	t.Cleanup(server.Close)
	return server.URL
}

func TestRoutes(t *testing.T) {
	url := newRoutes(t)
	const nothing = "nothing is served here; the websocket is at …/ws\n"
	for _, test := range []struct {
		request string
		header  []string
		status  int
		body    string
	}{
		{"GET /ws", upgradeHeader, 200, "a websocket"},
		{"GET /push/ws", upgradeHeader, 200, "a websocket"},
		{"GET /push//ws", upgradeHeader, 200, "a websocket"},
		{"GET //ws", upgradeHeader, 200, "a websocket"},
		{"GET //push///ws", upgradeHeader, 200, "a websocket"},
		{"GET /any/prefix/ws", upgradeHeader, 200, "a websocket"},
		{"GET /test/ws", upgradeHeader, 200, "a websocket"},
		{"GET /ws/", upgradeHeader, 200, "a websocket"},
		{"GET /ws?v=1", upgradeHeader, 200, "a websocket"},
		{"POST /ws", upgradeHeader, 404, nothing},
		{"GET /wss", upgradeHeader, 404, nothing},
		{"GET /ws/more", upgradeHeader, 404, nothing},

		{"GET /test/cookie", nil, 200, "a test: GET /test/cookie"},
		{"GET /push/test/cookie", nil, 200, "a test: GET /test/cookie"},
		{"GET /push//test//cookie", nil, 200, "a test: GET /test/cookie"},
		{"GET /any/prefix/test/cookie", nil, 200, "a test: GET /test/cookie"},
		{"GET /test/push/test/cookie", nil, 200, "a test: GET /test/cookie"},
		{"POST /push/test/version", nil, 200, "a test: POST /test/version"},
		{"GET /test/version", nil, 200, "a test: GET /test/version"},
		{"GET /test", nil, 404, nothing},
		{"GET /test/other", nil, 200, "a test: GET /test/other"},
		{"GET /test/mapping", nil, 200, "a test: GET /test/mapping"},
		{"GET /test/mapping/1/2", nil, 404, nothing},

		{"GET /version", nil, 200, "9.8.7"},
		{"GET /push/version", nil, 200, "9.8.7"},
		{"GET /", nil, 404, nothing},
		{"GET /push/", nil, 404, nothing},
		{"GET /metrics", nil, 404, nothing},
		{"GET /../ws/%2e%2e/etc", nil, 404, nothing},
		{"DELETE /version", nil, 404, nothing},
	} {
		t.Run(test.request, func(t *testing.T) {
			method, path, _ := strings.Cut(test.request, " ")
			got := testkit.Request(t, method, url+path, test.header...)
			require.Equal(t, test.status, got.Status)
			require.Equal(t, test.body, got.Body)
			require.Equal(t, "*", got.Header.Get("Access-Control-Allow-Origin"))
			require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
			if !strings.HasPrefix(test.body, "a ") {
				require.Equal(t, "text/plain; charset=utf-8", got.Header.Get("Content-Type"))
			}
		})
	}
}

func TestHandshakesThatAreNone(t *testing.T) {
	url := newRoutes(t)
	for _, test := range []struct{ without, named string }{
		{"Upgrade", `the header "Upgrade: websocket"`},
		{"Connection", `the header "Connection: Upgrade"`},
		{"Sec-WebSocket-Version", `the header "Sec-WebSocket-Version: 13"`},
		{"Sec-WebSocket-Key", `the header "Sec-WebSocket-Key"`},
	} {
		var lame []string
		for i := 0; i < len(upgradeHeader); i += 2 {
			if upgradeHeader[i] != test.without {
				lame = append(lame, upgradeHeader[i], upgradeHeader[i+1])
			}
		}
		got := testkit.Request(t, "GET", url+"/push/ws", lame...)
		require.Equal(t, http.StatusUpgradeRequired, got.Status)
		require.Equal(t, "this is a websocket, but "+test.named+" is missing from the request; a reverse proxy must pass it on\n", got.Body)
		require.Equal(t, "websocket", got.Header.Get("Upgrade"), "RFC 9110, 15.5.22")
		require.Equal(t, "*", got.Header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
	}
	t.Run("nothing at all", func(t *testing.T) {
		got := testkit.Request(t, "GET", url+"/ws")
		require.Equal(t, http.StatusUpgradeRequired, got.Status)
		require.Contains(t, got.Body, `"Upgrade: websocket"`)
	})
	t.Run("other values", func(t *testing.T) {
		got := testkit.Request(t, "GET", url+"/ws", "Upgrade", "h2c", "Connection", "Upgrade")
		require.Contains(t, got.Body, `"Upgrade: websocket"`)
		got = testkit.Request(t, "GET", url+"/ws", "Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Version", "8")
		require.Contains(t, got.Body, `"Sec-WebSocket-Version: 13"`)
	})
	t.Run("HTTP/1.0", func(t *testing.T) {
		got := exchange(t, url, "GET /ws HTTP/1.0\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n\r\n")
		require.Contains(t, got, "426 Upgrade Required")
		require.Contains(t, got, "but HTTP/1.1 is missing from the request")
	})
	t.Run("HEAD", func(t *testing.T) {
		require.Equal(t, http.StatusUpgradeRequired, testkit.Request(t, "HEAD", url+"/ws").Status)
	})
}

func TestPreflight(t *testing.T) {
	got := testkit.Request(t, "OPTIONS", newRoutes(t)+"/push/test/cookie",
		"Origin", "https://cloud.example", "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "token")
	require.Equal(t, http.StatusNoContent, got.Status)
	require.Equal(t, "*", got.Header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, got.Header.Get("Access-Control-Allow-Methods"), "POST")
	require.Equal(t, "token", got.Header.Get("Access-Control-Allow-Headers"))
}
