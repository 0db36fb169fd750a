//go:build linux

package transport

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/transport/frame"
)

// readAhead is a socket that is read while the system takes it.
type readAhead struct {
	*polledSocket
	done chan struct{}
}

// Serve has what comes read as soon as it is not the login's any more.
func (r *readAhead) Serve(client actors.Client) {
	l := r.login.Load()
	started := make(chan struct{})
	r.client = client
	go func() {
		defer close(r.done)
		close(started)
		for l.received(nil, nil) { //nolint:revive // it waits for the login's end
		}
		r.arrived(text("late"))
	}()
	<-started
	r.polledSocket.Serve(client)
}

// TestEarlyFramesComeFirst: what is read while the system takes a socket comes behind what was read before.
func TestEarlyFramesComeFirst(t *testing.T) {
	const rounds = 300
	heard := make(chan string, 2*rounds)
	kit := actorstest.NewWithHooks(t, &actors.Hooks{OnMessage: func(m actors.ClientMessage) { heard <- m.Text }}, actors.Options{DrainTimeout: new(time.Duration)})
	kit.System.Start()
	t.Cleanup(func() { kit.System.Shutdown(t.Context()) })
	w := alone(newTestPoller(t))
	login := kit.Login(t, "alice")
	for round := range rounds {
		s, _ := tcpSocket(t, w)
		l := newLogin(w, s, isAttached, 0)
		l.timer.Stop()
		early := "early " + strconv.Itoa(round)
		l.frames = []frame.Frame{{Opcode: frame.Text, Payload: []byte(early)}}
		socket := &readAhead{s, make(chan struct{})}
		require.NoError(t, kit.System.Attach(login, socket))
		<-socket.done
		require.Equal(t, []string{early, "late"}, []string{<-heard, <-heard})
		s.client.Ended(actors.ConnectionLost)
		eventually(t, func() bool { return kit.System.Stats().ActiveConnections == 0 })
	}
}

// What a client sends behind a violation of the protocol is not kept.
func TestNothingIsKeptBehindAnError(t *testing.T) {
	s := newSocket(alone(nil), nil)
	l := newLogin(s.websocket, s, isAttached, 0)
	l.timer.Stop()
	require.True(t, l.received(text("good"), nil))
	require.True(t, l.received([]byte{0xff, 0xff}, nil))
	require.ErrorIs(t, l.broken, frame.ErrProtocol)
	require.True(t, l.received(text("too late"), nil))
	require.Len(t, l.frames, 1)
}
