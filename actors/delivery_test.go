package actors_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// Each channel of the contract that ends in a push, with two users connected, and what each is sent.
func TestEventsReachTheirUsers(t *testing.T) {
	for _, c := range []struct{ channel, payload, alice, bob string }{
		{"notify_storage_update", `{"storage":1,"path":"files/a.txt","file_id":5}`, "notify_file", ""},
		{"notify_storage_update", `{"storage":"2","path":"files/a.txt","file_id":"5"}`, "", "notify_file"},
		{"notify_group_membership_update", `{"user":"alice","group":"staff"}`, "notify_file", ""},
		{"notify_user_share_created", `{"user":"bob"}`, "", "notify_file"},
		{"notify_activity", `{"user":"alice"}`, "notify_activity", ""},
		{"notify_notification", `{"user":"bob"}`, "", "notify_notification"},
		{"notify_custom", `{"user":"alice","message":"m"}`, "m", ""},
		{"notify_custom", `{"user":"alice","message":"m","body":{ "b": 1.0, "a": null }}`, `m {"b":1.0,"a":null}`, ""},
		{"notify_activity", `{"user":"Alice"}`, "", ""},
		{"notify_activity", `{"user":"nobody"}`, "", ""},
	} {
		t.Run(c.channel, func(t *testing.T) {
			bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
				kit.Mounts.Set(mount(1, "alice", "files"), mount(2, "bob", ""))
				alice, bob := kit.Connect(t, "alice"), kit.Connect(t, "bob")
				kit.Events.Emit(c.channel, c.payload)
				require.Equal(t, c.alice, strings.Join(pushes(alice), "|"))
				require.Equal(t, c.bob, strings.Join(pushes(bob), "|"))
			})
		})
	}
}

// An event that comes after a lull is handled in the goroutine that brings it, which saves two changes of it; those that follow
// closely go through the queues, so that their frames can leave together.
func TestEventsAfterALullAreHandledAtOnce(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		var bySource atomic.Bool
		alice.OnWrite(func() error {
			stack := make([]byte, 64<<10)
			bySource.Store(strings.Contains(string(stack[:runtime.Stack(stack, false)]), "actorstest.(*Events).Receive"))
			return nil
		})
		pass(time.Second)
		for _, atOnce := range []bool{true, false} {
			kit.Events.Emit("notify_custom", `{"user":"alice","message":"m"}`)
			synctest.Wait()
			require.Equal(t, atOnce, bySource.Load())
		}
		require.Equal(t, []string{"m", "m"}, pushes(alice))
	})
}

func TestNumericUserIDs(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		socket := kit.Connect(t, "123")
		kit.Events.Emit("notify_activity", `{"user":123}`)
		kit.Events.Emit("notify_notification", `{"user":"123"}`)
		require.Equal(t, []string{"notify_activity", "notify_notification"}, pushes(socket))
	})
}

func TestEveryConnectionOfAUserIsSent(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		first, second := kit.Connect(t, "alice"), kit.Connect(t, "alice")
		kit.Events.Emit("notify_custom", `{"user":"alice","message":"m"}`)
		require.Equal(t, []string{"m"}, pushes(first))
		require.Equal(t, []string{"m"}, pushes(second))
	})
}

func TestFileIDsOnlyForWhoListens(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Set(mount(1, "alice", ""))
		plain, listening := kit.Connect(t, "alice"), kit.Connect(t, "alice")
		plain.Say("listen notify_file_ids, please")
		listening.Say("listen notify_file_id")
		synctest.Wait()
		kit.Events.Emit("notify_storage_update", `{"storage":1,"path":"a","file_id":5}`)
		synctest.Wait()
		kit.Events.Emit("notify_user_share_created", `{"user":"alice"}`)
		require.Equal(t, []string{"notify_file", "notify_file"}, pushes(plain))
		require.Equal(t, []string{"notify_file_id [5]", "notify_file"}, pushes(listening))
	})
}

func TestAuthenticatedIsTheFirstFrame(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		login := kit.Login(t, "alice")
		socket := actorstest.NewSocket()
		for range 100 { // from before the connection to after it
			require.NoError(t, kit.System.Publish(t.Context(), actors.Custom{User: "alice", Text: "m"}))
		}
		require.NoError(t, kit.System.Attach(login, socket))
		require.NoError(t, kit.System.Publish(t.Context(), actors.Custom{User: "alice", Text: "after"}))
		synctest.Wait()
		texts := socket.Texts()
		require.Equal(t, "authenticated", texts[0])
		require.Equal(t, "after", texts[len(texts)-1])
	})
}

func TestTestCookie(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		require.EqualValues(t, 0, kit.System.TestCookie())
		kit.Events.Emit("notify_test_cookie", "12345")
		synctest.Wait()
		require.EqualValues(t, 12345, kit.System.TestCookie())
		kit.Events.Emit("notify_test_cookie", "-1")
		synctest.Wait()
		require.EqualValues(t, 12345, kit.System.TestCookie())
	})
}

func TestControlEvents(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Connect(t, "alice")
		kit.Events.Emit("notify_config", `{"log_spec":"debug"}`)
		kit.Events.Emit("notify_config", `{"log_spec":"notify_push=trace"}`)
		synctest.Wait()
		require.Equal(t, []string{"debug", "notify_push=trace"}, kit.Control.Levels())
		kit.Events.Emit("notify_config", `"log_restore"`)
		kit.Events.Emit("notify_query", `"metrics"`)
		synctest.Wait()
		require.Equal(t, []string{"debug"}, kit.Control.Levels())
		require.Len(t, kit.Control.Published(), 1)
		require.EqualValues(t, 1, kit.Control.Published()[0].ActiveConnections)
		require.EqualValues(t, 4, kit.Control.Published()[0].EventsReceived)
	})
}

// Every malformed payload is counted, and nothing else happens: the connection is there, and the
// next event arrives.
func TestMalformedEventsDoNoHarm(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		bad := payloadCases(t, "bad.txt")
		for _, c := range bad {
			kit.Events.Emit(c.channel, c.payload)
		}
		kit.Events.Emit("notify_custom", strings.Repeat("x", 60<<20))
		kit.Events.Emit("notify_activity", `{"user":"alice"}`)
		require.Equal(t, []string{"notify_activity"}, pushes(alice))
		stats := kit.System.Stats()
		require.EqualValues(t, len(bad)+1, stats.EventsMalformed)
		require.EqualValues(t, len(bad)+2, stats.EventsReceived)
		require.Zero(t, stats.ActorFailures)
	})
}

func TestMalformedEventsAreThrottledInTheLog(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	bubble(t, func(o *actors.Options) { o.Logger = zap.New(core) }, func(t *testing.T, kit *actorstest.Kit) {
		for i := range 1000 {
			kit.Events.Emit("notify_activity", fmt.Sprintf(`{"user":%d`, i))
		}
		pass(time.Minute)
		lines := logged.FilterMessage("malformed event").All()
		require.Len(t, lines, 2, "one line at once, one for the rest")
		require.EqualValues(t, 999, lines[1].ContextMap()["times"])
		require.Equal(t, "notify_activity", lines[1].ContextMap()["channel"])
	})
}

// At debug level the log says that Nextcloud publishes, and for whom, but not what.
func TestEventsAreLoggedAtDebugLevel(t *testing.T) {
	core, logged := observer.New(zap.DebugLevel)
	bubble(t, func(o *actors.Options) { o.Logger = zap.New(core) }, func(t *testing.T, kit *actorstest.Kit) {
		kit.Events.Emit("notify_storage_update", `{"storage":7,"path":"files/private","file_id":5}`)
		kit.Events.Emit("notify_custom", `{"user":"alice","message":"private","body":"private"}`)
		kit.Events.Emit("notify_pre_auth", `{"user":"bob","token":"private"}`)
		kit.Events.Emit("notify_test_cookie", `5`)
		synctest.Wait()
		var lines []map[string]any
		for _, entry := range logged.FilterMessage("event").All() {
			lines = append(lines, entry.ContextMap())
		}
		require.Equal(t, []map[string]any{
			{"channel": "notify_storage_update", "storage": uint64(7)},
			{"channel": "notify_custom", "user": "alice"},
			{"channel": "notify_pre_auth", "user": "bob"},
			{"channel": "notify_test_cookie"},
		}, lines)
	})
}

// What is malformed on one channel does not hide what is on another, and makes no more lines.
func TestMalformedEventsAreCountedByChannel(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	bubble(t, func(o *actors.Options) { o.Logger = zap.New(core) }, func(t *testing.T, kit *actorstest.Kit) {
		want := map[string]int{}
		for i, channel := range actors.Channels {
			for range i {
				kit.Events.Emit(channel, "{")
			}
			want[channel] = i
		}
		pass(time.Minute)
		lines := logged.FilterMessage("malformed event").All()
		require.Len(t, lines, 2)
		delete(want, actors.Channels[0])
		want[actors.Channels[1]]-- // logged at once
		if want[actors.Channels[1]] == 0 {
			delete(want, actors.Channels[1])
		}
		require.Equal(t, want, lines[1].ContextMap()["channels"])
	})
}

func TestRefusedLogLevelIsLogged(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	bubble(t, func(o *actors.Options) { o.Logger = zap.New(core) }, func(t *testing.T, kit *actorstest.Kit) {
		kit.Control.Fail(errors.New("no such level"))
		kit.Events.Emit("notify_config", `{"log_spec":"loudest"}`)
		synctest.Wait()
		require.Len(t, logged.FilterField(zap.Error(errors.New("no such level"))).All(), 1)
	})
}
