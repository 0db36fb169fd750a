//go:build unix

package storagetest

import (
	"bufio"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echo answers with what it is sent.
func echo(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = bufio.NewReader(conn).WriteTo(conn)
				conn.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

func TestProxy(t *testing.T) {
	p := NewProxy(t, echo(t))
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", p.Addr())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	say := func(conn net.Conn, within time.Duration) error {
		if _, err := conn.Write([]byte("x")); err != nil {
			return err
		}
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(within)))
		_, err := conn.Read(make([]byte, 1))
		return err
	}
	conn := dial()
	require.NoError(t, say(conn, time.Minute))

	p.Delay(20 * time.Millisecond)
	began := time.Now()
	require.NoError(t, say(conn, time.Minute))
	require.GreaterOrEqual(t, time.Since(began), 40*time.Millisecond)
	p.Delay(0)

	p.Stall()
	require.ErrorIs(t, say(conn, 50*time.Millisecond), os.ErrDeadlineExceeded)
	p.Resume()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err := conn.Read(make([]byte, 1))
	require.NoError(t, err, "what waited passes")

	p.Cut()
	require.Error(t, say(conn, time.Minute))
	require.Error(t, say(dial(), time.Minute))
	p.Resume()
	require.NoError(t, say(dial(), time.Minute))
}
