package actors_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// endings are what ends connections in order, and what time it needs.
var endings = map[string]struct {
	end    func(*testing.T, *actorstest.Kit)
	reason actors.CloseReason
}{
	"reset": {func(t *testing.T, kit *actorstest.Kit) {
		publish(t, kit, actors.Reset{})
		pass(time.Second)
	}, actors.ResetRequested},
	"disconnect all": {func(t *testing.T, kit *actorstest.Kit) {
		require.NoError(t, kit.System.DisconnectAll())
		pass(time.Second)
	}, actors.ResetRequested},
	"lifetime": {func(*testing.T, *actorstest.Kit) { pass(25 * time.Second) }, actors.LifetimeOver},
	"drain": {func(t *testing.T, kit *actorstest.Kit) {
		go kit.System.Shutdown(t.Context())
		pass(100 * time.Millisecond)
	}, actors.ShuttingDown},
}

func shortLived(o *actors.Options) { o.MaxConnectionTime = 20 * time.Second }

// A client that is in the middle of reading gets all that was promised before the connection ends,
// and nothing of what comes after.
func TestEndWaitsForWrite(t *testing.T) {
	for name, e := range endings {
		t.Run(name, func(t *testing.T) {
			bubble(t, shortLived, func(t *testing.T, kit *actorstest.Kit) {
				alice := kit.Connect(t, "alice")
				pass(time.Second)
				alice.Stall()
				customs(kit, "alice", []string{"one"})
				pass(time.Second)
				customs(kit, "alice", []string{"two", "three"})
				publish(t, kit, actors.ActivityAdded{User: "alice"})
				pass(time.Millisecond)
				e.end(t, kit)
				requireOpen(t, alice)
				_ = kit.System.Publish(t.Context(), actors.Custom{User: "alice", Text: "after the end"})
				pass(time.Millisecond)
				alice.Unstall(nil)
				require.Equal(t, []string{"one", "two", "three", "notify_activity"}, pushes(alice))
				requireClosed(t, alice, e.reason)
				require.Zero(t, kit.System.Stats().ActiveConnections)
			})
		})
	}
}

// A client that never reads ends with its write.
func TestEndWithFailedWrite(t *testing.T) {
	for name, e := range endings {
		t.Run(name, func(t *testing.T) {
			bubble(t, shortLived, func(t *testing.T, kit *actorstest.Kit) {
				alice := kit.Connect(t, "alice")
				pass(time.Second)
				alice.Stall()
				customs(kit, "alice", []string{"one"})
				pass(time.Second)
				e.end(t, kit)
				alice.Unstall(context.DeadlineExceeded)
				requireClosed(t, alice, actors.ConnectionLost)
			})
		})
	}
}

// Shutdown doesn't wait for a client that never reads.
func TestShutdownOfClientThatDoesNotRead(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		pass(time.Second)
		alice.Stall()
		customs(kit, "alice", []string{"one"})
		pass(time.Second)
		began := time.Now()
		kit.System.Shutdown(t.Context())
		require.Less(t, time.Since(began), 2*time.Second)
		requireClosed(t, alice, actors.ShuttingDown)
	})
}
