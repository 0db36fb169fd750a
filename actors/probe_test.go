package actors_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

func probe(t *testing.T, kit *actorstest.Kit) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return kit.System.Probe(ctx)
}

func TestProbe(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		require.NoError(t, probe(t, kit))
		kit.Mounts.Block()
		kit.Verifier.Block()
		publish(t, kit, fileEvent(1, 1))
		attempts(t, kit, 100, func(int) actors.Credentials { return alicesCredentials })
		require.NoError(t, probe(t, kit), "a dependency that hangs is not our failure")
		kit.Mounts.Unblock()
		kit.Verifier.Unblock()
		synctest.Wait()

		socket := &stuckSocket{actorstest.NewSocket(), make(chan struct{})}
		go func() { _ = kit.System.Attach(kit.Login(t, "alice"), socket) }()
		synctest.Wait()
		require.ErrorIs(t, probe(t, kit), context.DeadlineExceeded)
		close(socket.stuck)
		require.NoError(t, probe(t, kit))
	})
}

// One registry that is stuck is noticed however much the others do, and which it is.
func TestProbeOfOneRegistry(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		stuck := make(chan struct{})
		alice := kit.Connect(t, "alice")
		synctest.Wait()
		alice.OnWrite(func() error {
			<-stuck
			return nil
		})
		var others []string // of which most belong to other registries
		for i := range 20 {
			others = append(others, fmt.Sprint("user", i))
			kit.Connect(t, others[i])
		}
		require.NoError(t, probe(t, kit))
		require.NoError(t, kit.System.Publish(t.Context(), actors.Custom{User: "alice", Text: "m"}))
		busy := time.NewTicker(time.Second)
		defer busy.Stop()
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			for {
				select {
				case <-busy.C:
					for _, user := range others {
						_ = kit.System.Publish(context.Background(), actors.ActivityAdded{User: user})
					}
				case <-stop:
					return
				}
			}
		}()
		pass(10 * time.Second)
		err := probe(t, kit)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "registry")
		close(stuck)
		require.NoError(t, probe(t, kit))
	})
}

// A system that is busy for longer than one is prepared to wait makes progress nevertheless; one in
// which nothing is handled any more makes none, however much has been before.
func TestProbeOfABusySystem(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		synctest.Wait()
		stuck := make(chan struct{})
		left := 20
		alice.OnWrite(func() error {
			if left--; left == 0 {
				<-stuck
			}
			time.Sleep(time.Second)
			return nil
		})
		for range 30 { // each more than is joined in one write
			customs(kit, "alice", []string{strings.Repeat("x", 20_000)})
		}
		require.NoError(t, probe(t, kit))
		pass(time.Minute)
		require.ErrorIs(t, probe(t, kit), context.DeadlineExceeded)
		close(stuck)
		pass(time.Minute)
		require.NoError(t, probe(t, kit))
	})
}

// Logins that are stuck are not made good by events that are handled.
func TestProbeOfLogins(t *testing.T) {
	bubbleOnHost(t, immediately, func(t *testing.T, kit *actorstest.Kit, host *actor.ActorSystem) {
		unanswered := make(chan []actors.RememberedLogin)
		auth := host.NewLocalPID(actorIDs(host, 1)[0] + "/auth")
		host.Root.Send(auth, actors.ListLogins(unanswered))
		events := time.AfterFunc(time.Second, func() { publish(t, kit, actors.ActivityAdded{User: "alice"}) })
		defer events.Stop()
		require.ErrorIs(t, probe(t, kit), context.DeadlineExceeded)
		<-unanswered
		require.NoError(t, probe(t, kit))
	})
}

// A timer wheel that is stuck is noticed: no ping would ever be sent again.
func TestProbeOfTheWheel(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		socket := &unclosableSocket{actorstest.NewSocket(), make(chan struct{})}
		socket.Mute()
		require.NoError(t, kit.System.Attach(kit.Login(t, "alice"), socket))
		pass(59 * time.Second)
		require.NoError(t, probe(t, kit))
		pass(10 * time.Second) // the wheel's goroutine closes it
		require.ErrorContains(t, probe(t, kit), "timer wheel")
		close(socket.stuck)
		require.NoError(t, probe(t, kit))
	})
}
