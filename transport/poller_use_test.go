//go:build linux

package transport

import (
	"bytes"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/internal/nonblock"
	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/notifypush/notifypush/transport/frame"
)

// All Websockets of a process have one epoll instance. It goes with the last of them, and none of them takes it from the others.
func TestWebsocketsShareAPoller(t *testing.T) {
	before := len(epollDescriptors(t))
	first, second := newBench(t, loopback(t), WebsocketOptions{}), newBench(t, loopback(t), WebsocketOptions{})
	require.Len(t, epollDescriptors(t), before+1)
	alice, bob := first.login(t, "alice"), second.login(t, "bob")
	require.NoError(t, first.System.Shutdown(t.Context()))
	alice.ending()
	first.websocket.Close()
	require.NoError(t, second.websocket.Probe(t.Context()))
	bob.Close() // which is read
	eventually(t, second.closed(actors.ConnectionLost))
	require.NoError(t, second.System.Shutdown(t.Context()))
	second.websocket.Close()
	require.Len(t, epollDescriptors(t), before)

	third := newBench(t, loopback(t), WebsocketOptions{})
	third.login(t, "carol").Close()
	eventually(t, third.closed(actors.ConnectionLost))
}

// A poller that fails is that of all, and who comes later has another one.
func TestFailureOfTheSharedPoller(t *testing.T) {
	before := epollDescriptors(t)
	first, second := newIdle(t), newIdle(t)
	for fd := range epollDescriptors(t) {
		if !before[fd] {
			require.NoError(t, unix.Dup3(int(os.Stdin.Fd()), fd, unix.O_CLOEXEC))
		}
	}
	for _, w := range []*Websocket{first, second} {
		w.startReading()
		require.ErrorContains(t, <-w.Failed(), "sockets cannot be read any more")
	}
	third := newBench(t, loopback(t), WebsocketOptions{})
	third.login(t, "carol").Close()
	eventually(t, third.closed(actors.ConnectionLost))
}

// newIdle returns a Websocket that serves nobody yet.
func newIdle(t *testing.T) *Websocket {
	w, err := NewWebsocket(actorstest.Start(t, nil).System, WebsocketOptions{})
	require.NoError(t, err)
	t.Cleanup(w.Close)
	return w
}

// A bubble of testing/synctest may use the poller that others use: it starts no goroutine there.
func TestSharedPollerAndABubble(t *testing.T) {
	outside := newBench(t, loopback(t), WebsocketOptions{})
	outside.login(t, "alice")
	synctest.Test(t, func(t *testing.T) {
		inside, err := NewWebsocket(actorstest.Start(t, nil).System, WebsocketOptions{})
		require.NoError(t, err)
		require.Same(t, outside.websocket.poller, inside.poller)
		inside.Close()
	})
	require.NoError(t, outside.websocket.Probe(t.Context()))
}

// What a host calls may block, and a client may read nothing: the poller goes on, with that client and with those of other systems.
func TestNothingHoldsThePollerUp(t *testing.T) {
	release := make(chan struct{})
	kit := actorstest.NewWithHooks(t, &actors.Hooks{OnMessage: func(actors.ClientMessage) { <-release }}, actors.Options{DrainTimeout: new(time.Duration)})
	kit.System.Start()
	listener := loopback(t)
	handler, err := NewWebsocket(kit.System, WebsocketOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		close(release)
		kit.System.Shutdown(t.Context())
		handler.Close()
	})
	server := NewServer(handler, nil)
	serveBy(t, server, handler.Intercept(server, listener))
	blocked := &bench{Kit: kit, websocket: handler, address: listener.Addr()}
	other := newBench(t, loopback(t), WebsocketOptions{})

	deaf := blocked.login(t, "deaf")
	require.NoError(t, deaf.Conn.(*net.TCPConn).SetReadBuffer(4096))
	for range 100 {
		require.NoError(t, kit.System.Publish(t.Context(), actors.Custom{User: "deaf", Text: strings.Repeat("x", 100_000)}))
	}
	alice := blocked.login(t, "alice")
	alice.send(bytes.Repeat(text("hello"), 10_000)) // more than may wait for the hook
	for _, w := range []*wire{alice, other.login(t, "bob")} {
		w.send(testkit.ClientFrame(testkit.Final|9, "are you there?"))
		f, err := w.frame()
		require.NoError(t, err)
		require.Equal(t, frame.Pong, f.Opcode)
	}
	require.NotZero(t, kit.System.Stats().HooksDropped, "hooks are blocked")
	require.NoError(t, other.websocket.Probe(t.Context()))
}

// TestListenerMadeBlocking: a host that hands its listener to a child process makes it blocking, and nobody waits for the next client then.
func TestListenerMadeBlocking(t *testing.T) {
	listener := loopback(t)
	b := newBench(t, listener, WebsocketOptions{})
	alice := b.login(t, "alice")
	file, err := listener.(*net.TCPListener).File()
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, unix.SetNonblock(int(file.Fd()), false))
	for _, w := range []*wire{b.login(t, "bob"), alice} {
		w.send(testkit.ClientFrame(testkit.Final|9, "are you there?"))
		f, err := w.frame()
		require.NoError(t, err)
		require.Equal(t, frame.Pong, f.Opcode)
	}
}

// TestLingeringListener: what it accepts has its SO_LINGER, and would hold up all others when it is closed.
func TestLingeringListener(t *testing.T) {
	listener := loopback(t)
	raw, err := listener.(syscall.Conn).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		err = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 10})
	}))
	require.NoError(t, err)
	early, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer early.Close()
	b := newBench(t, listener, WebsocketOptions{})
	b.login(t, "alice")
	p := b.websocket.poller
	p.mu.Lock()
	defer p.mu.Unlock()
	found := 0
	for _, s := range p.sockets {
		if s != nil && s.websocket == b.websocket {
			found++
			require.False(t, nonblock.Lingers(int(s.fd)))
		}
	}
	require.Equal(t, 2, found)
}

// TestNoDescriptorIsLeft: clients that cannot be accepted wait, and the log says what to do.
func TestNoDescriptorIsLeft(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	b := newBench(t, loopback(t), WebsocketOptions{Logger: zap.New(core)})
	b.login(t, "alice")
	var clients []int // have their descriptors before
	for range 100 {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		clients = append(clients, fd)
	}
	var before unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &before))
	restore := func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &before)) }
	t.Cleanup(restore)
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(slices.Max(clients)) + 2, Max: before.Max}))
	for _, fd := range clients {
		require.NoError(t, unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: b.address.(*net.TCPAddr).Port}))
	}
	lines := func() []observer.LoggedEntry { return logged.FilterMessage("cannot accept connections").All() }
	eventually(t, func() bool { return len(lines()) > 0 })
	require.Contains(t, lines()[0].ContextMap()["error"], "too many open files")
	require.Contains(t, lines()[0].ContextMap()["advice"], "LimitNOFILE")
	for _, fd := range clients {
		require.NoError(t, unix.Close(fd))
	}
	restore()
	b.login(t, "bob")
}
