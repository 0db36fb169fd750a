package transport

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever a client sends as a handshake, what lacks nothing has all that RFC 6455 asks for.
func FuzzHandshake(f *testing.F) {
	f.Add("Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==")
	f.Add("Upgrade: h2c, WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13")
	f.Add("Upgrade: ,,\r\nConnection: \x80")
	f.Fuzz(func(t *testing.T, header string) {
		text := "GET /ws HTTP/1.1\r\nHost: x\r\n" + header + "\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil || missingOfHandshake(r.Header, true) != "" {
			return
		}
		require.Contains(t, strings.ToLower(strings.Join(r.Header.Values("Upgrade"), ",")), "websocket")
		require.Contains(t, strings.ToLower(strings.Join(r.Header.Values("Connection"), ",")), "upgrade")
		require.Equal(t, "13", r.Header.Get("Sec-WebSocket-Version"))
		require.NotEmpty(t, r.Header.Get("Sec-WebSocket-Key"))
	})
}
