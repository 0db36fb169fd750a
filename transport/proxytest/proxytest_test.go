//go:build unix

package proxytest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProxies(t *testing.T) {
	for name, proxy := range map[string]struct {
		start     func(testing.TB, string) string
		forwarded string // what becomes of X-Forwarded-For: 192.0.2.1
	}{
		"nginx": {Nginx, "127.0.0.1"}, // the edge: what a client writes is dropped
		"nginx behind a proxy": {func(t testing.TB, upstream string) string {
			return NginxWith(t, FreeAddress(t), "", BehindAProxy(t, Snippet(t, "nginx.conf", upstream)))
		}, "192.0.2.1, 127.0.0.1"},
		"Apache":  {Apache, "192.0.2.1, 127.0.0.1"},
		"Caddy":   {Caddy, "127.0.0.1"}, // it believes nobody who is not one of its trusted_proxies
		"HAProxy": {HAProxy, "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			upstream := httptest.NewServer(http.HandlerFunc(echo))
			defer upstream.Close()
			base := proxy.start(t, strings.TrimPrefix(upstream.URL, "http://"))

			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/push/test/cookie", nil)
			require.NoError(t, err)
			request.Header.Set("X-Forwarded-For", "192.0.2.1")
			request.Header.Set("token", "secret")
			response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
			require.NoError(t, err)
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, "/test/cookie, forwarded for "+proxy.forwarded+", token secret", string(body))

			conn, _, err := websocket.Dial(t.Context(), base+"/push/ws", nil)
			require.NoError(t, err)
			defer conn.CloseNow()
			_, greeting, err := conn.Read(t.Context())
			require.NoError(t, err)
			require.Equal(t, "/ws, forwarded for 127.0.0.1, token ", string(greeting))
			require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte("hello")))
			_, answer, err := conn.Read(t.Context())
			require.NoError(t, err)
			require.Equal(t, "hello", string(answer))
			_, _, err = conn.Read(t.Context())
			require.Equal(t, websocket.StatusServiceRestart, websocket.CloseStatus(err), "close frames pass")
		})
	}
}

// echo says how a request arrived. Over a websocket it repeats one message, too.
func echo(w http.ResponseWriter, r *http.Request) {
	arrived := r.URL.Path + ", forwarded for " + strings.Join(r.Header.Values("X-Forwarded-For"), ", ") + ", token " + r.Header.Get("token")
	if r.Header.Get("Sec-WebSocket-Key") == "" {
		_, _ = io.WriteString(w, arrived)
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	if conn.Write(r.Context(), websocket.MessageText, []byte(arrived)) != nil {
		return
	}
	kind, message, err := conn.Read(r.Context())
	if err != nil || conn.Write(r.Context(), kind, message) != nil {
		return
	}
	_ = conn.Close(websocket.StatusServiceRestart, "")
}
