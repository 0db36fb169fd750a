package actors_test

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/transport/frame"
)

func frames(socket *actorstest.Socket, opcode frame.Opcode) (payloads [][]byte) {
	synctest.Wait()
	for _, frame := range socket.Frames() {
		if frame.Opcode == opcode {
			payloads = append(payloads, frame.Payload)
		}
	}
	return payloads
}

func requireOpen(t *testing.T, socket *actorstest.Socket) {
	t.Helper()
	synctest.Wait()
	code, text, closed := socket.Closed()
	require.False(t, closed, "closed with %d %q", code, text)
}

func requireClosed(t *testing.T, socket *actorstest.Socket, reason actors.CloseReason) {
	t.Helper()
	synctest.Wait()
	code, text, closed := socket.Closed()
	require.True(t, closed, "open")
	require.Equal(t, reason.Code(), code)
	require.Equal(t, reason.Text(), text)
}

// After 30 s without a message sent there is a ping with four random bytes; a client that answers
// stays.
func TestPing(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		pass(29 * time.Second)
		require.Empty(t, frames(alice, frame.Ping))
		pass(3 * time.Second)
		require.Len(t, frames(alice, frame.Ping), 1)
		pass(10 * time.Minute)
		requireOpen(t, alice)
		pings := frames(alice, frame.Ping)
		require.InDelta(t, 20, len(pings), 2, "one every 30 s")
		different := map[string]bool{}
		for _, payload := range pings {
			require.Len(t, payload, 4)
			different[string(payload)] = true
		}
		require.Greater(t, len(different), 1)
	})
}

func TestNoPingToWhoIsSentMessages(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		for range 20 {
			pass(25 * time.Second)
			customs(kit, "alice", []string{"m"})
		}
		require.Empty(t, frames(alice, frame.Ping))
		require.Len(t, pushes(alice), 20)
		pass(32 * time.Second)
		require.Len(t, frames(alice, frame.Ping), 1)
	})
}

func TestPingThatIsNotAnswered(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		alice.Mute()
		pass(59 * time.Second)
		requireOpen(t, alice)
		pass(4 * time.Second)
		requireClosed(t, alice, actors.PongMissing)
		require.Len(t, frames(alice, frame.Ping), 1)
	})
}

// After the process itself was stopped for a while, clients whose pongs wait in the sockets are not
// closed before those are read.
func TestStoppedProcessBlamesNobody(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		alice.Mute()
		pass(32 * time.Second)
		ping := frames(alice, frame.Ping)[0]
		kit.System.TickWheel(time.Now().Add(40 * time.Second)) // the first after 40 s
		pass(30 * time.Second)
		requireOpen(t, alice)
		alice.Send(frame.Frame{Opcode: frame.Pong, Payload: ping})
		pass(20 * time.Second)
		requireOpen(t, alice)
	})
}

func TestWrongPong(t *testing.T) {
	for _, payload := range []string{"", "abc", "abcde", "a longer one"} {
		bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
			alice := kit.Connect(t, "alice")
			alice.Mute()
			pass(32 * time.Second)
			alice.Send(frame.Frame{Opcode: frame.Pong, Payload: []byte(payload)})
			requireClosed(t, alice, actors.PongWrong)
		})
	}
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		alice.Mute()
		pass(32 * time.Second)
		payload := bytes.Clone(frames(alice, frame.Ping)[0])
		payload[3]++
		alice.Send(frame.Frame{Opcode: frame.Pong, Payload: payload})
		requireClosed(t, alice, actors.PongWrong)
	})
}

func TestUnsolicitedPongIsIgnored(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		for range 3 {
			alice.Send(frame.Frame{Opcode: frame.Pong, Payload: []byte("unasked")})
		}
		requireOpen(t, alice)
		pass(5 * time.Minute)
		requireOpen(t, alice)
	})
}

func TestClientPingsAreAnswered(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		before := alice.Writes()
		alice.Send(
			frame.Frame{Opcode: frame.Ping, Payload: []byte("one")},
			frame.Frame{Opcode: frame.Ping},
			frame.Frame{Opcode: frame.Ping, Payload: bytes.Repeat([]byte("x"), 125)})
		require.Equal(t, [][]byte{[]byte("one"), {}, bytes.Repeat([]byte("x"), 125)}, frames(alice, frame.Pong))
		require.Equal(t, before+1, alice.Writes(), "however many come at once")
		requireOpen(t, alice)
	})
}

// What a client sends after the login, and what it gets for it.
func TestClientFrames(t *testing.T) {
	for name, c := range map[string]struct {
		frame frame.Frame
		ends  bool
		want  actors.CloseReason
	}{
		"unknown text": {frame.Frame{Opcode: frame.Text, Payload: []byte("hello")}, false, 0},
		"empty text":   {frame.Frame{Opcode: frame.Text}, false, 0},
		"binary":       {frame.Frame{Opcode: frame.Binary, Payload: []byte{0}}, true, actors.MessageUnsupported},
		"close":        {frame.Frame{Opcode: frame.Close}, true, actors.ClosedByClient},
		"reserved":     {frame.Frame{Opcode: 0x3}, true, actors.MessageUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
				alice, other := kit.Connect(t, "alice"), kit.Connect(t, "alice")
				alice.Send(c.frame, frame.Frame{Opcode: frame.Text, Payload: []byte("listen notify_file_id")})
				if c.ends {
					requireClosed(t, alice, c.want)
				} else {
					requireOpen(t, alice)
				}
				customs(kit, "alice", []string{"m"})
				require.Equal(t, []string{"m"}, pushes(other))
			})
		})
	}
}

// The socket's own endings: whatever ends it, the connection is gone and counted once.
func TestSocketEnds(t *testing.T) {
	for _, reason := range []actors.CloseReason{
		actors.ClosedByClient, actors.ConnectionLost, actors.MessageTooBig, actors.MessageUnsupported, actors.ProtocolViolated,
	} {
		t.Run(reason.String(), func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
				alice := kit.Connect(t, "alice")
				alice.End(reason)
				alice.End(actors.ConnectionLost)
				alice.Say("late")
				requireClosed(t, alice, reason)
				stats := kit.System.Stats()
				require.EqualValues(t, 1, stats.Closed[reason])
				require.Zero(t, stats.ActiveConnections)
				require.Zero(t, stats.ActiveUsers)
			})
		})
	}
}

// --max-connection-time ends connections over its last quarter, so that a herd doesn't come back
// at once; 0 is never.
func TestMaxConnectionTime(t *testing.T) {
	bubble(t, func(o *actors.Options) { o.MaxConnectionTime = 20 * time.Minute }, func(t *testing.T, kit *actorstest.Kit) {
		const clients = 100
		var sockets []*actorstest.Socket
		for i := range clients {
			sockets = append(sockets, kit.Connect(t, fmt.Sprint("user", i)))
		}
		pass(15*time.Minute - time.Second)
		require.EqualValues(t, clients, kit.System.Stats().ActiveConnections)
		pass(150 * time.Second)
		require.InDelta(t, clients/2, kit.System.Stats().ActiveConnections, clients/4)
		pass(155 * time.Second)
		require.Zero(t, kit.System.Stats().ActiveConnections)
		requireClosed(t, sockets[0], actors.LifetimeOver)
	})
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		pass(24 * time.Hour)
		requireOpen(t, alice)
	})
}
