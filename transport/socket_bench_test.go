//go:build linux

package transport

import (
	"io"
	"net"
	"testing"

	"github.com/notifypush/notifypush/transport/frame"
	"github.com/stretchr/testify/require"
)

// BenchmarkWrite is one push to one client: the floor is the same frame on the bare connection.
func BenchmarkWrite(b *testing.B) {
	push := frame.Append(nil, frame.Text, "notify_file")
	b.Run("floor", func(b *testing.B) {
		conn := drained(b)
		for b.Loop() {
			_, err := conn.Write(push)
			require.NoError(b, err)
		}
	})
	b.Run("socket", func(b *testing.B) {
		p, err := newPoller()
		require.NoError(b, err)
		taken, err := newClientSocket(alone(p), drained(b))
		require.NoError(b, err)
		s := taken.(*polledSocket)
		b.Cleanup(func() {
			s.finish()
			p.stop()
		})
		for b.Loop() {
			pending, err := s.Write(push)
			if pending || err != nil {
				b.Fatal(pending, err)
			}
		}
	})
}

// drained returns a connection whose other end reads whatever comes.
func drained(b *testing.B) net.Conn {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(b, err)
	peer, err := listener.Accept()
	require.NoError(b, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, peer)
	}()
	b.Cleanup(func() {
		conn.Close()
		<-done
		peer.Close()
	})
	return conn
}
