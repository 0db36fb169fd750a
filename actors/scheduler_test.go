package actors_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// However busy a user is, a connection has about one message scheduled for each debounced kind.
func TestScheduledMessagesDoNotMultiply(t *testing.T) {
	bubble(t, func(o *actors.Options) { o.MaxConnectionsPerUser = 200 }, func(t *testing.T, kit *actorstest.Kit) {
		for range 150 { // for a debounce time of some 15 s
			kit.Connect(t, "idle")
		}
		kit.Connect(t, "alice")
		most := 0
		for range 10_000 {
			publish(t, kit, actors.ActivityAdded{User: "alice"}, actors.NotificationChanged{User: "alice"})
			pass(20 * time.Millisecond)
			most = max(most, kit.System.Scheduled())
		}
		require.LessOrEqual(t, most, 5)
	})
}

// What is due later is not waited for when the system is shut down, and holds nothing any more.
func TestShutdownClearsTheScheduler(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Connect(t, "alice")
		publish(t, kit, actors.ShareCreated{User: "alice"})
		pass(10 * time.Millisecond)
		require.NotZero(t, kit.System.Scheduled())
		kit.System.Shutdown(t.Context())
		require.Zero(t, kit.System.Scheduled())
		_ = kit.System.Publish(t.Context(), actors.ShareCreated{User: "alice"})
		pass(time.Minute)
		require.Zero(t, kit.System.Scheduled())
	})
}
