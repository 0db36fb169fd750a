package wire

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHandshakeAsksForWhatTheContractSays(t *testing.T) {
	request := string(Handshake(netip.MustParseAddrPort("127.0.0.1:7867"), "/push/ws", nil))
	require.True(t, strings.HasPrefix(request, "GET /push/ws HTTP/1.1\r\nHost: 127.0.0.1:7867\r\n"))
	require.True(t, strings.HasSuffix(request, "\r\n\r\n"))
}

func TestCheckHandshake(t *testing.T) {
	right := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nsec-websocket-accept:  " + HandshakeAccept
	require.NoError(t, CheckHandshake([]byte(right)))
	for says, answer := range map[string]string{
		`"HTTP/1.1 503 Service Unavailable"`: "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1",
		`"SSH-2.0"`:                          "SSH-2.0",
		"without the right":                  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket",
		"the right":                          strings.Replace(right, HandshakeAccept, "AAAA", 1),
	} {
		require.ErrorContains(t, CheckHandshake([]byte(answer)), says)
	}
}

func FuzzCheckHandshake(f *testing.F) {
	f.Add([]byte("HTTP/1.1 101 x\r\nSec-WebSocket-Accept: " + HandshakeAccept))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if CheckHandshake(answer) == nil {
			require.Contains(t, string(answer), HandshakeAccept)
		}
	})
}
