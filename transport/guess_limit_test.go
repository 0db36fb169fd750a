package transport

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// Wrong tokens of the self test are not passed on for ever, and only their address waits.
func TestGuessesAtTokensOfTheSelfTest(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{TrustedProxies: trustedLoopback})
	asked := 0
	handler := NewHandler(b.websocket, b.websocket.LimitGuesses(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("token") != "right" {
			http.Error(w, "wrong token", http.StatusForbidden)
		}
	})), "1")
	ask := func(address, token string) int {
		r := httptest.NewRequest(http.MethodGet, "/push/test/cookie", nil)
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set("X-Forwarded-For", address)
		r.Header.Set("token", token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code
	}
	for range 10 * freeFailures {
		require.Equal(t, http.StatusOK, ask("192.0.2.1", "right"))
	}
	asked = 0
	for range freeFailures {
		require.Equal(t, http.StatusForbidden, ask("192.0.2.1", "wrong"))
	}
	for range 100 {
		require.Equal(t, http.StatusTooManyRequests, ask("192.0.2.1", "wrong"))
	}
	require.Equal(t, freeFailures, asked)
	require.Equal(t, http.StatusOK, ask("192.0.2.2", "right"))
	require.Equal(t, http.StatusForbidden, ask("192.0.2.1", ""), "what asks nobody is not limited")
	b.login(t, "alice")
}
