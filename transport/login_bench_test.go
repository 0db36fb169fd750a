package transport

import (
	"io"
	"net"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// BenchmarkLogin is a client that connects, logs in as one that is remembered, and leaves; both ends are in
// the time.
func BenchmarkLogin(b *testing.B) {
	const answer = "\x81\x0dauthenticated"
	kit := actorstest.Start(b, func(o *actors.Options) { o.NoResync = true })
	w, err := NewWebsocket(kit.System, WebsocketOptions{})
	require.NoError(b, err)
	b.Cleanup(func() {
		kit.System.Shutdown(b.Context())
		w.Close()
	})
	intercepted, hosted := loopback(b), loopback(b)
	server := NewServer(w, nil)
	serveBy(b, server, w.Intercept(server, intercepted))
	serve(b, hosted, w)
	for name, listener := range map[string]net.Listener{"intercepted": intercepted, "in a host's server": hosted} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			request := slices.Concat([]byte(wireHandshake), text("alice"), text("secret"))
			response := make([]byte, len(appendSwitching(nil, "dGhlIHNhbXBsZSBub25jZQ=="))+len(answer))
			for b.Loop() {
				conn, err := net.Dial("tcp", listener.Addr().String())
				require.NoError(b, err)
				_, err = conn.Write(request)
				require.NoError(b, err)
				_, err = io.ReadFull(conn, response)
				require.NoError(b, err)
				require.Equal(b, answer, string(response[len(response)-len(answer):]))
				conn.Close()
			}
		})
	}
}
