//go:build linux

package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/internal/testkit"
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
	w := &Websocket{log: zap.NewNop(), poller: p, admission: newAdmission(Limits{}, nil)}
	w.reading.Store(true) // by the test, where it does
	w.open++
	return w
}

// loggingIn returns the socket of a client that is about to be attached.
func loggingIn(t *testing.T, w *Websocket, conn net.Conn) clientSocket {
	t.Helper()
	s, err := newClientSocket(w, conn)
	require.NoError(t, err)
	l := newLogin(w, s, isAttached, 0)
	l.timer.Stop()
	return s
}

func TestDeadlineOfAWriteEndsWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kit := actorstest.Start(t, nil)
		server, client := net.Pipe()
		defer client.Close()
		conn := &deadlines{Conn: server}
		require.NoError(t, kit.System.Attach(kit.Login(t, "alice"), loggingIn(t, alone(nil), conn)))
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
		require.NoError(t, kit.System.Attach(kit.Login(t, "alice"), loggingIn(t, alone(nil), server)))
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
		require.NoError(t, kit.System.Attach(kit.Login(t, "alice"), loggingIn(t, alone(nil), panicky{server})))
		synctest.Wait()
		require.EqualValues(t, 1, kit.System.Stats().Closed[actors.InternalFailure])
	})
}

// tcpPair returns both ends of a connection. The client's is closed when the test ends.
func tcpPair(t *testing.T) (conn net.Conn, client *net.TCPConn) {
	t.Helper()
	listener := loopback(t)
	defer listener.Close()
	dialed, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { dialed.Close() })
	conn, err = listener.Accept()
	require.NoError(t, err)
	return conn, dialed.(*net.TCPConn)
}

// tcpSocket returns a socket of a poller that does not run, and the client's end. Nothing receives what it reads.
func tcpSocket(t *testing.T, w *Websocket) (*polledSocket, *net.TCPConn) {
	t.Helper()
	conn, client := tcpPair(t)
	taken, err := newClientSocket(w, conn)
	require.NoError(t, err)
	s := taken.(*polledSocket)
	t.Cleanup(s.finish)
	return s, client
}

func TestClosedSocketIsNotWatchedAgain(t *testing.T) {
	p := newTestPoller(t)
	s, client := tcpSocket(t, alone(p))
	require.NoError(t, p.watch(s, unix.EPOLLIN))
	require.Same(t, s, p.sockets[s.fd])
	s.finish()
	require.NoError(t, p.watch(s, unix.EPOLLIN), "it may come too late")
	require.Nil(t, p.sockets[s.fd], "another socket may have the descriptor by now")
	_, err := client.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	s.websocket.waitForEnds()
}

// TestSocketIsClosedBehindTheReader: the descriptor that is being read must not become that of another socket.
func TestSocketIsClosedBehindTheReader(t *testing.T) {
	p := newTestPoller(t)
	s, _ := tcpSocket(t, alone(p))
	require.NoError(t, p.watch(s, unix.EPOLLIN))
	reading, happened := p.begin(s.fd, unix.EPOLLIN)
	require.Same(t, s, reading)
	require.EqualValues(t, unix.EPOLLIN, happened)
	s.finish()
	_, err := unix.FcntlInt(uintptr(s.fd), unix.F_GETFD, 0)
	require.NoError(t, err, "still open")
	require.Equal(t, 1, s.websocket.open)
	require.True(t, p.end(s))
	closeDescriptor(s)
	require.Zero(t, s.websocket.open)
}

// TestEndOfASocketTouchesNoOther has clients hang up while their sockets are closed: the descriptor may be another socket's at once, to
// which nothing is written, and which is not shut down.
func TestEndOfASocketTouchesNoOther(t *testing.T) {
	p := newTestPoller(t)
	w := alone(p)
	polled := make(chan error)
	go func() { polled <- p.run(func(*polledSocket, any) {}) }() // an end that is read first has nobody to receive it
	ctx, cancel := context.WithCancel(t.Context())
	touched := make(chan int)
	go func() { touched <- countTouched(ctx) }()
	const rounds = 3000
	w.open = rounds
	for range rounds {
		s, client := tcpSocket(t, w)
		require.NoError(t, p.watch(s, unix.EPOLLIN))
		go client.Close()
		s.Close(1001, "bye")
	}
	cancel()
	require.Zero(t, <-touched)
	w.waitForEnds()
	p.stop()
	require.NoError(t, <-polled)
}

// countTouched opens sockets that nobody uses, and returns how often one had something to read, or was at its end.
func countTouched(ctx context.Context) (touched int) {
	buffer := make([]byte, 64)
	for ctx.Err() == nil {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			continue
		}
		for range 20 {
			for _, fd := range pair {
				if _, err := unix.Read(fd, buffer); !errors.Is(err, unix.EAGAIN) {
					touched++
				}
			}
		}
		for _, fd := range pair {
			_ = unix.Close(fd)
		}
	}
	return touched
}

// TestPollerKeepsWhatHasNotHappened: a socket may wait to be read and to be written to at once.
func TestPollerKeepsWhatHasNotHappened(t *testing.T) {
	p := newTestPoller(t)
	s, _ := tcpSocket(t, alone(p))
	require.NoError(t, p.watch(s, unix.EPOLLIN))
	require.NoError(t, p.watch(s, unix.EPOLLOUT))
	_, happened := p.begin(s.fd, unix.EPOLLOUT)
	require.EqualValues(t, unix.EPOLLOUT, happened)
	require.EqualValues(t, unix.EPOLLIN, s.awaited)
	p.end(s)
	_, happened = p.begin(s.fd, unix.EPOLLHUP)
	require.EqualValues(t, unix.EPOLLIN, happened, "reading says what it is")
	p.end(s)
}

// served keeps what it is given to reach its connection with.
type served struct {
	*actorstest.Socket
	client actors.Client
}

func (s *served) Serve(client actors.Client) {
	s.client = client
	s.Socket.Serve(client)
}

// TestFramesAreDealtWithBeforeMoreIsRead: what comes while the connection is busy stays in the kernel, which is told so once.
func TestFramesAreDealtWithBeforeMoreIsRead(t *testing.T) {
	p := newTestPoller(t)
	s, client := tcpSocket(t, alone(p))
	kit := actorstest.Start(t, nil)
	gone := &served{Socket: actorstest.NewSocket()}
	require.NoError(t, kit.System.Attach(kit.Login(t, "alice"), gone))
	gone.End(actors.ConnectionLost)
	s.client, s.reader.Limit = gone.client, readLimit // a connection that deals with nothing by itself
	events, ended := make(chan uint32), make(chan error)
	go func() {
		ended <- p.epoll.Run(func(_ int32, came uint32) {
			_, happened := p.begin(s.fd, came)
			if happened&unix.EPOLLIN != 0 {
				s.readable(make([]byte, 64))
			}
			p.end(s)
			events <- happened
		})
	}()
	send := func() {
		_, err := client.Write(testkit.ClientFrame(testkit.Final|1, "x"))
		require.NoError(t, err)
	}
	s.startReading()
	for range 2 {
		send()
		require.EqualValues(t, unix.EPOLLIN, <-events)
		s.Resume()
		require.EqualValues(t, unix.EPOLLIN, s.armed, "as before: what has been dealt with needs no system call")
	}
	send()
	require.EqualValues(t, unix.EPOLLIN, <-events)
	send()
	require.Zero(t, <-events, "its connection deals with what came")
	require.Zero(t, s.armed, "or it would be reported again and again")
	require.NoError(t, p.watch(s, unix.EPOLLOUT))
	require.EqualValues(t, unix.EPOLLOUT, <-events, "a write is no reason to read")
	s.Resume()
	require.EqualValues(t, unix.EPOLLIN, <-events)
	require.NoError(t, client.SetLinger(0))
	require.NoError(t, client.Close())
	for range 2 {
		require.Zero(t, <-events, "the end, which the kernel reports in any case, and once when it is told not to")
	}
	select {
	case <-events:
		require.Fail(t, "it is reported again")
	case <-time.After(20 * time.Millisecond):
	}
	p.stop()
	require.NoError(t, <-ended)
}

// TestPanicWhileALoginIsAttached: what it was about to read on is not read any more, so the connection ends.
func TestPanicWhileALoginIsAttached(t *testing.T) {
	kit := actorstest.Start(t, nil)
	s, _ := tcpSocket(t, alone(newTestPoller(t)))
	l := newLogin(s.websocket, s, isAttached, 0)
	l.timer.Stop()
	s.panicked("a bug")
	require.NoError(t, kit.System.Attach(kit.Login(t, "alice"), s))
	eventually(t, func() bool { return kit.System.Stats().Closed[actors.InternalFailure] == 1 })
}

// TestSocketThatCannotBeWatched: it is not taken for one that is.
func TestSocketThatCannotBeWatched(t *testing.T) {
	p := newTestPoller(t)
	s, _ := tcpSocket(t, alone(p))
	p.stop()
	for range 2 {
		require.Error(t, p.watch(s, unix.EPOLLIN))
	}
}

// TestEndBeforeAnythingElseIsReadOnce: where the connection is busy, the poller neither reads the end again and again, nor what comes
// behind a violation of the protocol.
func TestEndBeforeAnythingElseIsReadOnce(t *testing.T) {
	for name, ends := range map[string]func(*net.TCPConn) error{
		"hangs up": (*net.TCPConn).Close,
		"violates the protocol": func(client *net.TCPConn) error {
			_, err := client.Write([]byte{0xff, 0xff})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			kit := actorstest.Start(t, nil)
			p := newTestPoller(t)
			w := alone(p)
			s, client := tcpSocket(t, w)
			newLogin(w, s, isAttached, 0).timer.Stop()
			s.startReading()
			_, _ = p.begin(s.fd, unix.EPOLLIN) // of what it is about to do
			attached, release := make(chan struct{}), make(chan struct{})
			kit.System.AttachFunc(kit.Login(t, "alice"), s, func(error) { // as where its log blocks
				close(attached)
				<-release
			})
			<-attached
			require.NoError(t, ends(client))
			awaitReadable(t, s)
			s.readable(make([]byte, pollBuffer))
			_, happened := p.begin(s.fd, unix.EPOLLIN)
			p.end(s)
			close(release)
			require.Zero(t, happened)
		})
	}
}

// TestRestOfAWriteIsWritten has a client read late, and the socket closed meanwhile: it gets all, then the close frame.
func TestRestOfAWriteIsWritten(t *testing.T) {
	p := newTestPoller(t)
	w := alone(p)
	s, client := tcpSocket(t, w)
	ended := make(chan error)
	go func() { ended <- p.run((*polledSocket).panicked) }()
	sent := make([]byte, 16<<20)
	pending, err := s.Write(sent)
	require.NoError(t, err)
	require.True(t, pending, "more than the kernel holds")
	s.Close(1001, "bye")
	got, err := io.ReadAll(client)
	require.NoError(t, err)
	require.Equal(t, frame.AppendClose(nil, 1001, "bye"), got[len(sent):])
	require.NoError(t, client.Close())
	w.waitForEnds()
	p.stop()
	require.NoError(t, <-ended)
}

// TestTimeoutEndsALingeringSocket: it is closed when its client neither reads nor hangs up.
func TestTimeoutEndsALingeringSocket(t *testing.T) {
	p := newTestPoller(t)
	w := alone(p)
	s, _ := tcpSocket(t, w)
	_, err := s.Write(make([]byte, 16<<20))
	require.NoError(t, err)
	s.Close(1001, "bye")
	require.Equal(t, 1, w.open)
	s.timedOut()
	w.waitForEnds()
	require.Zero(t, w.open)
	require.Nil(t, s.unsent)
}

// TestLingeringOfAHostHoldsNobodyUp: with SO_LINGER, closing would wait for a client that does not read, and the poller with it.
func TestLingeringOfAHostHoldsNobodyUp(t *testing.T) {
	conn, _ := tcpPair(t)
	require.NoError(t, conn.(*net.TCPConn).SetLinger(20))
	w := alone(newTestPoller(t))
	taken, err := newClientSocket(w, conn)
	require.NoError(t, err)
	s := taken.(*polledSocket)
	pending, err := s.Write(make([]byte, 16<<20))
	require.NoError(t, err)
	require.True(t, pending)
	began := time.Now()
	s.finish()
	require.Less(t, time.Since(began), 5*time.Second)
	w.waitForEnds()
}

// awaitReadable waits until the kernel has something for the socket.
func awaitReadable(t *testing.T, s *polledSocket) {
	n, err := unix.Poll([]unix.PollFd{{Fd: s.fd, Events: unix.POLLIN}}, int(patience.Milliseconds()))
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// TestClosedByTheClientIsNotWaitedFor: after the client's close frame nothing comes that closing could take along.
func TestClosedByTheClientIsNotWaitedFor(t *testing.T) {
	conn, client := tcpPair(t)
	synctest.Test(t, func(t *testing.T) {
		kit := actorstest.Start(t, nil)
		w := alone(newTestPoller(t))
		s := loggingIn(t, w, conn).(*polledSocket)
		require.NoError(t, kit.System.Attach(kit.Login(t, "alice"), s))
		synctest.Wait() // until "authenticated" is written
		began := time.Now()
		_, err := client.Write(testkit.ClientFrame(testkit.Final|8, "\x03\xe8"))
		require.NoError(t, err)
		awaitReadable(t, s)
		s.readable(make([]byte, pollBuffer))
		w.waitForEnds()
		require.Equal(t, began, time.Now(), "the client has not hung up, and no timeout has passed")
	})
	answer, err := io.ReadAll(client)
	require.NoError(t, err)
	require.Equal(t, slices.Concat(frame.Append(nil, frame.Text, "authenticated"), frame.AppendClose(nil, 1000, actors.ClosedByClient.Text())), answer)
}

var _ actors.Socket = (*socket)(nil)

func TestPanicOfAReadEndsOneConnection(t *testing.T) {
	p := newTestPoller(t)
	s, client := tcpSocket(t, alone(p))
	require.NoError(t, p.watch(s, unix.EPOLLIN))
	broken := make(chan *polledSocket, 1)
	ended := make(chan error)
	go func() { ended <- p.run(func(s *polledSocket, _ any) { broken <- s }) }()
	require.NoError(t, client.CloseWrite()) // the end is read, and there is nobody that could receive anything
	require.Same(t, s, <-broken)
	require.NoError(t, p.probe(t.Context()), "and goes on")
	p.stop()
	require.NoError(t, <-ended)
}

func newTestPoller(t *testing.T) *poller {
	t.Helper()
	p, err := newPoller()
	require.NoError(t, err)
	if p == nil {
		t.Skip("no poller on this system")
	}
	t.Cleanup(p.stop)
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
	p.stop()
	require.NoError(t, <-ended)
	require.Error(t, p.probe(t.Context()))
	p.stop()
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
	p.readFor(w)
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

// A login that the system is taking over when logins end is the system's to end.
func TestEndOfLoginsLeavesWhatIsAttached(t *testing.T) {
	p := newTestPoller(t)
	w := alone(p)
	w.options.loginTimeout = loginTimeout
	conn, _ := tcpPair(t)
	s := loggingIn(t, w, conn).(*polledSocket)
	s.login.Load().end()
	var reader frame.Reader
	require.NoError(t, s.login.Load().serve(actors.Client{}, &reader))
	s.login.Store(nil)
	s.finish()
}
