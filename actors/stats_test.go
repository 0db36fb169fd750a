package actors_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// All counters after a day that had something of everything.
func TestStats(t *testing.T) {
	late := func(o *actors.Options) { o.AuthRecheck = new(10_000 * time.Hour) } // the moment of a recheck is random
	bubble(t, late, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Set(mount(1, "alice", ""))
		alice, again, bob := kit.Connect(t, "alice"), kit.Connect(t, "alice"), kit.Connect(t, "bob")
		publish(t, kit, fileEvent(1, 1), fileEvent(2, 1))
		publish(t, kit, actors.ActivityAdded{User: "alice"}, actors.ActivityAdded{User: "alice"}, actors.ActivityAdded{User: "carol"})
		publish(t, kit, actors.NotificationChanged{User: "bob"})
		customs(kit, "alice", numbered(5))
		kit.Events.Emit("notify_activity", "not json")
		pass(time.Second)
		kit.Events.Lose(nil)
		bob.End(actors.ClosedByClient)
		pass(time.Minute)
		again.End(actors.ProtocolViolated)
		kit.System.CountRefusal(actors.LoginTimeout)
		_, _ = authenticate(t, kit, wrongCredentials)
		synctest.Wait()

		want := actors.Stats{
			ActiveConnections: 1,
			ActiveUsers:       1,
			TotalConnections:  3,
			MappingQueries:    3, // for each storage, and for both once more
			EventsReceived:    12,
			EventsMalformed:   1,
			Resyncs:           1,
			Logins:            actors.Logins{Cached: 1, Nextcloud: 3, Refused: 1},
		}
		want.MessagesSent[actors.KindFile] = 2 + 2 // of the event, and of the resync
		want.MessagesSent[actors.KindActivity] = 2 + 2
		want.MessagesSent[actors.KindNotification] = 1 + 2
		want.MessagesSent[actors.KindCustom] = 10
		want.Closed[actors.ClosedByClient] = 1
		want.Closed[actors.ProtocolViolated] = 1
		want.Closed[actors.LoginTimeout] = 1
		require.Equal(t, want, kit.System.Stats())
		require.EqualValues(t, 21, kit.System.Stats().AllMessagesSent())
		require.Len(t, pushes(alice), 10)
	})
}

// Names are what dashboards know: each ending has one, and they differ.
func TestCloseReasons(t *testing.T) {
	var names []string
	for number := range (actors.Stats{}).Closed {
		reason := actors.CloseReason(number)
		names = append(names, reason.String())
		require.NotEmpty(t, reason.String())
		require.LessOrEqual(t, len(reason.Text()), 123, "a close frame has no more room")
		switch reason.Code() {
		case 0: // nobody is there to read it
			require.Empty(t, reason.Text())
		case 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012:
		default:
			t.Errorf("%v has the code %d", reason, reason.Code())
		}
	}
	slices.Sort(names)
	require.Len(t, slices.Compact(names), len(actors.Stats{}.Closed))
	require.Equal(t, actors.InternalFailure.String(), actors.CloseReason(200).String(), "and a number that is none is a failure of ours")
}
