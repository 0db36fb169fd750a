package transport

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// Sockets are counted whether they are websockets, say something else, or nothing.
func TestCrowd(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{Limits: Limits{Sockets: 3}})
	server := httptest.NewUnstartedServer(NewHandler(b.websocket, nil, "1.2.3"))
	b.websocket.CountSockets(server.Config)
	server.Start()
	t.Cleanup(server.Close)
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	ask := func(conn net.Conn, headers string) *http.Response {
		_, _ = conn.Write([]byte("GET /ws HTTP/1.1\r\nHost: push.example\r\n" + headers + "\r\n")) // it may be closed already
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		return response
	}
	const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

	socket := dial()
	require.Equal(t, http.StatusSwitchingProtocols, ask(socket, upgrade).StatusCode)
	talking := dial()
	require.Equal(t, http.StatusUpgradeRequired, ask(talking, "").StatusCode)
	silent := dial()

	response := ask(dial(), upgrade)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Equal(t, retryAfter, response.Header.Get("Retry-After"))
	require.Equal(t, http.StatusUpgradeRequired, ask(talking, "").StatusCode, "who was here before is served")

	for _, leaving := range []net.Conn{silent, talking, socket} {
		leaving.Close()
		var conn net.Conn
		eventually(t, func() bool {
			conn = dial()
			return ask(conn, "").StatusCode == http.StatusUpgradeRequired
		})
	}
}
