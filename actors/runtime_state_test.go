package actors_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/transport/frame"
)

// besides runs a test on two Systems that share a runtime, as many Nextclouds in one process do.
func besides(t *testing.T, test func(t *testing.T, first, second *actorstest.Kit)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(2 * time.Second) })
		shared := actors.NewActorSystem(nil)
		t.Cleanup(shared.Shutdown) // after the Systems
		on := func(o *actors.Options) { o.ActorSystem, o.NoDebounce = shared, true }
		first, second := actorstest.Start(t, on), actorstest.Start(t, on)
		synctest.Wait()
		test(t, first, second)
	})
}

// A system without connections has no timer that fires.
func TestIdleSystemsDoNotTick(t *testing.T) {
	besides(t, func(t *testing.T, first, second *actorstest.Kit) {
		requireTicking := func(firstTicks, secondTicks bool) {
			t.Helper()
			synctest.Wait()
			require.Equal(t, firstTicks, first.System.Ticking())
			require.Equal(t, secondTicks, second.System.Ticking())
		}
		pass(time.Hour)
		requireTicking(false, false)
		for range 2 {
			alice, bob := first.Connect(t, "alice"), second.Connect(t, "bob")
			requireTicking(true, true)
			pass(time.Hour)
			require.InDelta(t, 120, len(frames(alice, frame.Ping)), 10, "both are pinged every 30 s")
			require.InDelta(t, 120, len(frames(bob, frame.Ping)), 10)
			requireTicking(true, true)
			alice.End(actors.ClosedByClient)
			pass(2 * time.Second)
			requireTicking(false, true)
			bob.End(actors.ClosedByClient)
			pass(2 * time.Second)
			requireTicking(false, false)
		}
		first.Connect(t, "alice")
		second.Connect(t, "bob")
		require.NoError(t, first.System.Shutdown(t.Context()))
		requireTicking(false, true)
		require.NoError(t, second.System.Shutdown(t.Context()))
		requireTicking(false, false)
	})
}

// What one more system takes of goroutines does not grow with its actors: those have their turns in workers that all share.
func TestIdleSystemsShareWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(2 * time.Second) })
		shared := actors.NewActorSystem(nil)
		t.Cleanup(shared.Shutdown)
		const systems = 40
		start := func() {
			for range systems {
				actorstest.Start(t, func(o *actors.Options) { o.ActorSystem = shared })
			}
			synctest.Wait()
		}
		start()
		before := runtime.NumGoroutine()
		start()
		require.LessOrEqual(t, runtime.NumGoroutine()-before, systems+actors.MaxIdleWorkers, "the source of events has one, and there may be more idle workers than before")
	})
}

// A socket that blocks stops the heartbeat of its own system, and of no other.
func TestWheelsOfOthersGoOn(t *testing.T) {
	besides(t, func(t *testing.T, first, second *actorstest.Kit) {
		stuck := &unclosableSocket{actorstest.NewSocket(), make(chan struct{})}
		stuck.Mute()
		require.NoError(t, first.System.Attach(first.Login(t, "alice"), stuck))
		bob := second.Connect(t, "bob")
		pass(70 * time.Second)
		require.ErrorContains(t, probe(t, first), "timer wheel")
		require.NoError(t, probe(t, second))
		before := len(frames(bob, frame.Ping))
		pass(10 * time.Minute)
		require.InDelta(t, before+20, len(frames(bob, frame.Ping)), 2)
		close(stuck.stuck)
		require.NoError(t, probe(t, first))
	})
}

// While one system is flooded, with all that may be in flight waiting for an actor of it that is stuck, another one's logins and
// pushes are served.
func TestFloodOfANeighbour(t *testing.T) {
	besides(t, func(t *testing.T, flooded, quiet *actorstest.Kit) {
		stuck := &stuckSocket{actorstest.NewSocket(), make(chan struct{})}
		go func() { _ = flooded.System.Attach(flooded.Login(t, "alice"), stuck) }()
		synctest.Wait()
		published, over := 0, make(chan struct{})
		go func() {
			defer close(over)
			for range 2 * actors.MaxInFlight {
				if flooded.System.Publish(t.Context(), actors.Custom{User: "alice", Text: "m"}) == nil {
					published++
				}
			}
		}()
		synctest.Wait()
		require.Less(t, published, 2*actors.MaxInFlight, "it is made to wait")
		bob := quiet.Connect(t, "bob")
		for range 100 {
			require.NoError(t, quiet.System.Publish(t.Context(), actors.Custom{User: "bob", Text: "m"}))
		}
		require.Len(t, pushes(bob), 100)
		require.NoError(t, probe(t, quiet))
		require.NoError(t, quiet.System.Shutdown(t.Context()))
		close(stuck.stuck)
		<-over
	})
}
