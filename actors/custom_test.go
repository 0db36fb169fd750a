package actors_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

func numbered(n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprint("m", i))
	}
	return texts
}

// customs publishes numbered custom messages to a user, as fast as it goes.
func customs(kit *actorstest.Kit, user string, texts []string) {
	for _, text := range texts {
		kit.Events.Emit("notify_custom", fmt.Sprintf(`{"user":%q,"message":%q}`, user, text))
	}
}

func TestPipelinedCustomsArriveInOrder(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		customs(kit, "alice", numbered(200))
		require.Equal(t, numbered(200), pushes(alice))
	})
}

func TestCustomsToTenConnections(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		var sockets []*actorstest.Socket
		for range 10 {
			sockets = append(sockets, kit.Connect(t, "alice"))
		}
		customs(kit, "alice", numbered(2000))
		for _, socket := range sockets {
			require.Equal(t, numbered(2000), pushes(socket))
		}
	})
}

// Several megabytes at once are no reason to close a client that reads.
func TestLargeBurstToHealthyClient(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		var texts []string
		for i := range 300 {
			texts = append(texts, fmt.Sprint(i, strings.Repeat("x", 20_000)))
		}
		customs(kit, "alice", texts)
		require.Equal(t, texts, pushes(alice))
	})
}

func TestLargestCustom(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		sizes := []int{1, 125, 126, 1<<16 - 1, 1 << 16, 1 << 20, 8 << 20, 8 << 20}
		for _, size := range sizes {
			customs(kit, "alice", []string{strings.Repeat("x", size)})
		}
		kit.Events.Emit("notify_custom", `{"user":"alice","message":"m","body":"`+strings.Repeat(`\u00fc`, 300_000)+`"}`)
		got := pushes(alice)
		require.Len(t, got, len(sizes)+1)
		for i, size := range sizes {
			require.Len(t, got[i], size)
		}
		require.Equal(t, `m "`+strings.Repeat("ü", 300_000)+`"`, got[len(sizes)])
	})
}

// A client that is slow to read is sent four messages of any size.
func TestLargestCustomsToSlowClient(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		pass(time.Millisecond)
		alice.Stall()
		texts := slices.Repeat([]string{strings.Repeat("x", 8<<20)}, 4)
		customs(kit, "alice", texts)
		alice.Unstall(nil)
		require.Equal(t, texts, pushes(alice))
		requireOpen(t, alice)
	})
}

// A message that is too long is dropped, and the log says whose it was and which.
func TestTooLongCustomIsNamed(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	bubble(t, func(o *actors.Options) { o.Logger = zap.New(core) }, func(t *testing.T, kit *actorstest.Kit) {
		kit.Events.Emit("notify_custom", `{"user":"alice","message":"my_app","body":"`+strings.Repeat("x", 8<<20)+`"}`)
		synctest.Wait()
		require.Equal(t, 1, logged.Len())
		require.Contains(t, fmt.Sprint(logged.All()[0].ContextMap()["error"]), `custom message "my_app" to user "alice"`)
	})
}

// A session that is no user logs in with a token, and is sent its messages; a user of the same name is not.
func TestSessions(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		kit.Events.Emit("notify_pre_auth", `{"session":"alice","token":"t"}`)
		synctest.Wait()
		login, err := kit.System.Authenticate(t.Context(), actors.Credentials{Password: "t"})
		require.NoError(t, err)
		require.Equal(t, actors.SessionUser("alice"), login.User)
		session, user := actorstest.NewSocket(), kit.Connect(t, "alice")
		require.NoError(t, kit.System.Attach(login, session))
		kit.Events.Emit("notify_custom", `{"session":"alice","message":"for the session"}`)
		kit.Events.Emit("notify_custom", `{"user":"alice","message":"for the user"}`)
		require.Equal(t, []string{"for the session"}, pushes(session))
		require.Equal(t, []string{"for the user"}, pushes(user))
	})
}

// What waits together leaves together: one write for a burst.
func TestBurstIsJoined(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		before := alice.Writes()
		alice.Stall()
		customs(kit, "alice", numbered(50))
		pass(time.Millisecond)
		alice.Unstall(nil)
		require.Equal(t, numbered(50), pushes(alice))
		require.LessOrEqual(t, alice.Writes()-before, 3)
	})
}

// A client that doesn't read is closed when 1 MiB waits for it; until then nothing is lost, and
// nobody else notices, not even another connection of the same user.
func TestSlowClient(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		slow, healthy, bob := kit.Connect(t, "alice"), kit.Connect(t, "alice"), kit.Connect(t, "bob")
		pass(time.Millisecond)
		slow.Stall()
		var texts []string
		for i := range 200 {
			texts = append(texts, fmt.Sprint(i, strings.Repeat("x", 10_000)))
		}
		customs(kit, "alice", texts[:100])
		customs(kit, "bob", texts[:100])
		require.Equal(t, texts[:100], pushes(healthy))
		_, _, closed := slow.Closed()
		require.False(t, closed, "1 MB fits")

		customs(kit, "alice", texts[100:])
		require.Equal(t, texts, pushes(healthy))
		require.Equal(t, texts[:100], pushes(bob))
		code, text, closed := slow.Closed()
		require.True(t, closed)
		require.Equal(t, 1008, code)
		require.Equal(t, "too slow in reading", text)
		require.EqualValues(t, 1, kit.System.Stats().Closed[actors.TooSlow])
		require.EqualValues(t, 2, kit.System.Stats().ActiveConnections)
	})
}

// A client that was slow for a while gets all of it, in order.
func TestSlowClientRecovers(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		pass(time.Millisecond)
		alice.Stall()
		customs(kit, "alice", numbered(500))
		pass(20 * time.Second)
		alice.Unstall(nil)
		customs(kit, "alice", []string{"last"})
		require.Equal(t, append(numbered(500), "last"), pushes(alice))
	})
}

func TestFailedWriteEndsTheConnection(t *testing.T) {
	for name, fail := range map[string]func(*actorstest.Socket){
		"at once":   func(s *actorstest.Socket) { s.OnWrite(func() error { return actorstest.ErrLost }) },
		"when done": func(s *actorstest.Socket) { s.Stall() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
				alice := kit.Connect(t, "alice")
				pass(time.Millisecond)
				fail(alice)
				customs(kit, "alice", numbered(3))
				pass(time.Millisecond)
				alice.Unstall(actorstest.ErrLost)
				pass(time.Millisecond)
				code, _, closed := alice.Closed()
				require.True(t, closed)
				require.Zero(t, code, "there is nobody to read a close frame")
				require.EqualValues(t, 1, kit.System.Stats().Closed[actors.ConnectionLost])
				require.Zero(t, kit.System.Stats().ActiveConnections)
				require.Zero(t, kit.System.Stats().ActiveUsers)
			})
		})
	}
}
