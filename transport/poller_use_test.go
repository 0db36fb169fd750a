//go:build linux

package transport

import (
	"os"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
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
	first, second := newBench(t, loopback(t), WebsocketOptions{}), newBench(t, loopback(t), WebsocketOptions{})
	for fd := range epollDescriptors(t) {
		if !before[fd] {
			require.NoError(t, unix.Dup3(int(os.Stdin.Fd()), fd, unix.O_CLOEXEC))
		}
	}
	for _, b := range []*bench{first, second} {
		b.websocket.startReading()
		require.ErrorContains(t, <-b.websocket.Failed(), "sockets cannot be read any more")
	}
	third := newBench(t, loopback(t), WebsocketOptions{})
	third.login(t, "carol").Close()
	eventually(t, third.closed(actors.ConnectionLost))
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
