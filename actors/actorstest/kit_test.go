package actorstest_test

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What the documentation shows, by the clock.
func TestKit(t *testing.T) {
	kit := actorstest.Start(t, nil)
	alice := kit.Connect(t, "alice")
	kit.Events.Emit("notify_activity", `{"user":"alice"}`)
	alice.AwaitTexts(t, "authenticated", "notify_activity")
	alice.End(actors.ClosedByClient)
	code, text := alice.AwaitClose(t)
	require.Equal(t, 1000, code)
	require.Empty(t, text)
}

// The same where time is faked.
func TestKitInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kit := actorstest.Start(t, func(o *actors.Options) { o.MaxDebounceTime = new(time.Hour) })
		alice := kit.Connect(t, "alice")
		kit.Events.Emit("notify_activity", `{"user":"alice"}`)
		alice.AwaitTexts(t, "authenticated", "notify_activity")
	})
}

func TestBlockedPortsPass(t *testing.T) {
	kit := actorstest.Start(t, nil)
	kit.Verifier.Block()
	done := make(chan error, 1)
	go func() {
		_, err := kit.System.Authenticate(t.Context(), actors.Credentials{Login: "alice", Password: "secret"})
		done <- err
	}()
	kit.Verifier.Unblock()
	require.NoError(t, <-done)
}

func TestFailingPorts(t *testing.T) {
	broken := errors.New("broken")
	kit := actorstest.Start(t, nil)
	kit.Verifier.Fail(broken)
	_, err := kit.System.Authenticate(t.Context(), actors.Credentials{Login: "alice", Password: "secret"})
	require.ErrorIs(t, err, broken)
	kit.Mounts.Fail(broken)
	_, err = kit.System.CountUsers(t.Context(), 1)
	require.ErrorIs(t, err, broken)
}

func TestProbe(t *testing.T) {
	system := actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }),
		actor.WithDeadLetterThrottleInterval(time.Millisecond)) // its goroutine would be taken for a leak
	probe := actorstest.NewProbe(t, system)
	for i := range 3 {
		system.Root.Send(probe.PID, i)
	}
	require.Equal(t, 0, probe.Next(t))
	require.Equal(t, 1, probe.Next(t))
	require.Equal(t, 2, probe.Next(t))
	require.Empty(t, probe.All())
}
