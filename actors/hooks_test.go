package actors_test

import (
	"context"
	"errors"
	"fmt"
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

// hooked runs a test on a started System with hooks, in a bubble where time is faked.
func hooked(t *testing.T, hooks *actors.Hooks, options actors.Options, test func(*testing.T, *actorstest.Kit)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(2 * time.Second) })
		kit := actorstest.NewWithHooks(t, hooks, options)
		kit.System.Start()
		t.Cleanup(func() { _ = kit.System.Shutdown(context.Background()) })
		require.NoError(t, kit.System.Ready(t.Context()))
		test(t, kit)
	})
}

func TestHooksTellInOrder(t *testing.T) {
	var told []string
	tell := func(format string, values ...any) { told = append(told, fmt.Sprintf(format, values...)) }
	hooks := &actors.Hooks{
		OnLogin:   func(r actors.LoginReport) { tell("login %s %s %v %v %v", r.Name, r.User, r.Source, r.Err, r.Duration) },
		OnConnect: func(c actors.Connection) { tell("connect %s %s", c.User, c.Tag) },
		OnPush:    func(p actors.PushReport) { tell("push %s %v %d %v", p.User, p.Kind, p.Connections, p.Latency) },
		OnMessage: func(m actors.ClientMessage) { tell("message %s %s", m.Connection.User, m.Text) },
		OnClose:   func(c actors.Connection, r actors.CloseReason) { tell("close %s %v", c.User, r) },
	}
	hooked(t, hooks, actors.Options{NoDebounce: true}, func(t *testing.T, kit *actorstest.Kit) {
		kit.Verifier.OnCall(func() { time.Sleep(time.Second) })
		_, err := kit.System.Authenticate(t.Context(), actors.Credentials{Login: "alice", Password: "wrong"})
		require.ErrorIs(t, err, actors.ErrInvalidCredentials)
		login := kit.Login(t, "alice")
		alice, phone := actorstest.NewSocket(), actorstest.NewSocket()
		require.NoError(t, kit.System.Attach(login, alice))
		require.NoError(t, kit.System.Attach(&actors.Login{Identity: actors.Identity{User: "alice", Tag: "phone"}}, phone))
		alice.Say("listen notify_file_id")
		alice.Say("hello")
		kit.Mounts.Set(mount(1, "alice", ""))
		kit.Mounts.OnCall(func() { time.Sleep(time.Second) })
		publish(t, kit, fileEvent(1, 1), actors.ActivityAdded{User: "alice"}, actors.ActivityAdded{User: "nobody"})
		pass(5 * time.Second)
		_, err = kit.System.Send(t.Context(), "alice", "custom")
		require.NoError(t, err)
		phone.End(actors.ClosedByClient)
		require.NoError(t, kit.System.Shutdown(t.Context()))
		require.Equal(t, []string{
			"login alice  verifier invalid credentials 1s",
			"login alice alice verifier <nil> 1s",
			"connect alice ",
			"connect alice phone",
			"message alice hello",
			"push alice activity 2 0s",
			"push alice file 2 1s",
			"push alice custom 2 0s",
			"close alice closed_by_client",
			"close alice shutting_down",
		}, told, "Shutdown waits for the hooks")
	})
}

// Hooks that block hold nothing up but themselves, and what they are not told is counted.
func TestHooksThatBlock(t *testing.T) {
	release := make(chan struct{})
	closed := 0
	hooks := &actors.Hooks{
		OnMessage: func(actors.ClientMessage) { <-release },
		OnClose:   func(actors.Connection, actors.CloseReason) { closed++ },
	}
	logs, lines := observer.New(zap.WarnLevel)
	hooked(t, hooks, actors.Options{NoDebounce: true, Logger: zap.New(logs)}, func(t *testing.T, kit *actorstest.Kit) {
		release = make(chan struct{}) // of this bubble
		alice, bob := kit.Connect(t, "alice"), kit.Connect(t, "bob")
		for range 3000 {
			alice.Say("flood")
		}
		for range 100 {
			bob.Say(strings.Repeat("x", 60<<10))
		}
		customs(kit, "alice", []string{"still here"})
		require.Equal(t, []string{"still here"}, pushes(alice))
		bob.End(actors.ClosedByClient)
		require.EqualValues(t, 3100-2048-1, kit.System.Stats().HooksDropped, "half of the queue, and the call that blocks")
		require.Equal(t, 1, lines.FilterMessage("hooks too slow: calls dropped").Len())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, kit.System.Shutdown(ctx), context.DeadlineExceeded)
		close(release)
		require.NoError(t, kit.System.Shutdown(t.Context()))
		require.Equal(t, 2, closed, "ends are not dropped for messages")
	})
}

func TestHooksThatPanic(t *testing.T) {
	calls := 0
	hooks := &actors.Hooks{OnConnect: func(actors.Connection) { calls++; panic(errors.New("of the host")) }}
	hooked(t, hooks, actors.Options{}, func(t *testing.T, kit *actorstest.Kit) {
		requireOpen(t, kit.Connect(t, "alice"))
		requireOpen(t, kit.Connect(t, "alice"))
		synctest.Wait()
		require.Equal(t, 2, calls)
		require.EqualValues(t, 2, kit.System.Stats().ActorFailures)
	})
}

func TestLastPush(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		kit.Connect(t, "alice")
		pass(time.Minute)
		require.Zero(t, connections(t, kit, "alice")[0].LastPush, "a ping is none")
		pushed := time.Now()
		customs(kit, "alice", []string{"hello"})
		pass(time.Minute)
		require.Equal(t, pushed, connections(t, kit, "alice")[0].LastPush)
	})
}
