//go:build linux

package transport

import (
	"context"
	"io"
	"net"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/transport/frame"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
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
	w.reading.Store(true) // by the test, where it does
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

// panicky is a connection that cannot be written to.
type panicky struct{ net.Conn }

func (panicky) Write([]byte) (int, error) { panic("broken") }

func TestPanicOfAWriteEndsOneConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kit := actorstest.Start(t, nil)
		server, client := net.Pipe()
		defer client.Close()
		require.NoError(t, kit.System.Attach(kit.Login(t, "alice"), newSocket(alone(nil), panicky{server}, frame.Reader{}, nil)))
		synctest.Wait()
		require.EqualValues(t, 1, kit.System.Stats().Closed[actors.InternalFailure])
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
	p := newTestPoller(t)
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

func TestPanicOfAReadEndsOneConnection(t *testing.T) {
	p := newTestPoller(t)
	s := tcpSocket(t, p)
	require.NoError(t, p.watch(s))
	broken := make(chan *socket, 1)
	ended := make(chan error)
	go func() { ended <- p.run(func(s *socket, _ any) { broken <- s }) }()
	require.NoError(t, s.conn.(*net.TCPConn).CloseRead()) // the end is read, and there is no client that could receive anything
	require.Same(t, s, <-broken)
	require.NoError(t, p.probe(t.Context()), "and goes on")
	p.close()
	require.NoError(t, <-ended)
}

func newTestPoller(t *testing.T) *poller {
	t.Helper()
	p, err := newPoller()
	require.NoError(t, err)
	if p == nil {
		t.Skip("no poller on this system")
	}
	t.Cleanup(p.close)
	return p
}

func TestProbe(t *testing.T) {
	p := newTestPoller(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.probe(ctx), context.Canceled, "nothing reads")
	ended := make(chan error)
	go func() { ended <- p.run(nil) }()
	for range 3 {
		require.NoError(t, p.probe(t.Context()))
	}
	p.close()
	require.NoError(t, <-ended)
	require.Error(t, p.probe(t.Context()))
	p.close()
}

// An end of the reading must not go unnoticed: clients would be connected and hear nothing.
func TestEndOfReadingIsReported(t *testing.T) {
	before := epollDescriptors(t)
	p := newTestPoller(t)
	w := alone(p)
	w.failed = make(chan error, 1)
	for fd := range epollDescriptors(t) {
		if !before[fd] {
			require.NoError(t, unix.Dup3(int(os.Stdin.Fd()), fd, unix.O_CLOEXEC))
		}
	}
	w.readSockets()
	require.ErrorContains(t, <-w.Failed(), "sockets cannot be read any more")
}

func epollDescriptors(t *testing.T) map[int]bool {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	all := map[int]bool{}
	for _, entry := range entries {
		if target, _ := os.Readlink("/proc/self/fd/" + entry.Name()); target == "anon_inode:[eventpoll]" {
			fd, err := strconv.Atoi(entry.Name())
			require.NoError(t, err)
			all[fd] = true
		}
	}
	return all
}
