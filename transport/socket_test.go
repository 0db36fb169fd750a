//go:build linux

package transport

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/transport/frame"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// deadlines is a connection that shows when its writes would time out.
type deadlines struct {
	net.Conn
	write time.Time
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.write = t
	return d.Conn.SetWriteDeadline(t)
}

// alone is what a socket needs of a Websocket; its one socket is open.
func alone(p *poller) *Websocket {
	w := &Websocket{log: zap.NewNop(), poller: p, admission: newAdmission(Limits{})}
	w.open++
	w.sockets.Add(1)
	return w
}

func TestDeadlineOfAWriteEndsWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kit := actorstest.Start(t, nil)
		server, client := net.Pipe()
		defer client.Close()
		conn := &deadlines{Conn: server}
		require.NoError(t, kit.System.Attach(kit.Login(t, "alice"), newSocket(alone(nil), conn, frame.Reader{}, nil)))
		synctest.Wait()
		require.Equal(t, time.Now().Add(writeTimeout), conn.write, "authenticated is being written")
		_, err := client.Read(make([]byte, 100))
		require.NoError(t, err)
		synctest.Wait()
		require.Zero(t, conn.write, "or the next write of a healthy client fails")
	})
}

func TestNoCloseFrameInsideAFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kit := actorstest.Start(t, func(o *actors.Options) { o.DrainTimeout = new(time.Duration) })
		server, client := net.Pipe()
		defer client.Close()
		require.NoError(t, kit.System.Attach(kit.Login(t, "alice"), newSocket(alone(nil), server, frame.Reader{}, nil)))
		_, err := io.ReadFull(client, make([]byte, 5))
		require.NoError(t, err, "authenticated begins")
		kit.System.Shutdown(t.Context())
		time.Sleep(lingerTimeout + time.Millisecond) // too long for the rest of it
		synctest.Wait()
		rest, err := io.ReadAll(client)
		require.NoError(t, err)
		require.Empty(t, rest, "it would be taken for the rest of the text")
	})
}

// tcpSocket returns a socket of a poller that does not run.
func tcpSocket(t *testing.T, p *poller) *socket {
	t.Helper()
	listener := loopback(t)
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	conn, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		client.Close()
		conn.Close()
	})
	return newSocket(alone(p), conn, frame.Reader{}, nil)
}

func TestRemovedSocketIsNotWatchedAgain(t *testing.T) {
	p, err := newPoller()
	require.NoError(t, err)
	if p == nil {
		t.Skip("no poller on this system")
	}
	defer p.close()
	s := tcpSocket(t, p)
	require.NoError(t, p.watch(s))
	require.Same(t, s, p.sockets[s.fd])
	p.remove(s)
	require.NoError(t, p.watch(s), "it may come too late")
	require.Nil(t, p.sockets[s.fd], "another socket may have the descriptor by now")
}

func TestReleaseWaitsForTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &poller{}
		p.paused.L = &p.mu
		s := &socket{}
		p.reading = s
		released := false
		go func() {
			p.release(s)
			released = true
		}()
		synctest.Wait()
		require.False(t, released)
		p.mu.Lock()
		p.reading = nil
		p.paused.Broadcast()
		p.mu.Unlock()
		synctest.Wait()
		require.True(t, released)
	})
}

var _ actors.Socket = (*socket)(nil)
