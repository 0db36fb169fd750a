package actors_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// debouncedEvents are the events of which a connection's pushes are debounced, with what is sent.
var debouncedEvents = []struct {
	event actors.Event
	push  string
}{
	{actors.ShareCreated{User: "alice"}, "notify_file"},
	{actors.ActivityAdded{User: "alice"}, "notify_activity"},
	{actors.NotificationChanged{User: "alice"}, "notify_notification"},
}

func publish(t *testing.T, kit *actorstest.Kit, events ...actors.Event) {
	t.Helper()
	for _, event := range events {
		require.NoError(t, kit.System.Publish(t.Context(), event))
	}
}

// A first push after a quiet time waits 100 ms, and what comes meanwhile is the same push.
func TestFirstPushIsDelayed(t *testing.T) {
	for _, d := range debouncedEvents {
		bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
			alice := kit.Connect(t, "alice")
			publish(t, kit, d.event)
			pass(50 * time.Millisecond)
			publish(t, kit, d.event, d.event)
			pass(49 * time.Millisecond)
			require.Empty(t, pushes(alice))
			pass(26 * time.Millisecond)
			require.Equal(t, []string{d.push}, pushes(alice))
			pass(time.Hour)
			require.Equal(t, []string{d.push}, pushes(alice))
		})
	}
}

// A user for whom something happens all the time is sent pushes at the debounce interval: the official daemon would send none.
func TestBusyUserIsNotStarved(t *testing.T) {
	for _, d := range debouncedEvents {
		bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
			alice := kit.Connect(t, "alice")
			for range 200 {
				publish(t, kit, d.event)
				pass(100 * time.Millisecond)
			}
			sent := len(pushes(alice))
			require.GreaterOrEqual(t, sent, 12, "20 s at 1.5 s each")
			require.LessOrEqual(t, sent, 41, "20 s at 0.5 s each")
		})
	}
}

// Two pushes of a kind are apart by clamp(connections / 10, 1, max) seconds times a factor that is
// drawn once per connection from 0.5 to 1.5, and notifications by one second. So a herd doesn't
// move as one.
func TestDebounceInterval(t *testing.T) {
	for _, c := range []struct {
		connections int
		max         time.Duration
		base        time.Duration // of files and activities
	}{
		{1, 15 * time.Second, time.Second},
		{40, 15 * time.Second, 4 * time.Second},
		{300, 15 * time.Second, 15 * time.Second},
		{300, 60 * time.Second, 30 * time.Second},
		{300, 3 * time.Second, 3 * time.Second},
		{300, 0, 0},
	} {
		for _, d := range debouncedEvents {
			base, spread := c.base, 0.5
			if d.push == "notify_notification" {
				base, spread = time.Second, 0
			}
			t.Run(fmt.Sprintf("%s of %d with at most %v", d.push, c.connections, c.max), func(t *testing.T) {
				change := func(o *actors.Options) { o.MaxDebounceTime, o.MaxConnectionsPerUser = &c.max, 1000 }
				bubble(t, change, func(t *testing.T, kit *actorstest.Kit) {
					intervals := intervalsOf(t, kit, c.connections, d.event)
					least := max(time.Duration(float64(base)*(1-spread)), 100*time.Millisecond)
					most := max(time.Duration(float64(base)*(1+spread)), 100*time.Millisecond)
					require.GreaterOrEqual(t, slices.Min(intervals), least)
					require.LessOrEqual(t, slices.Max(intervals), most+20*time.Millisecond)
					if c.connections >= 300 && spread > 0 && base > 0 {
						require.InEpsilon(t, base, mean(intervals), 0.12) // six standard deviations
						require.Greater(t, slices.Max(intervals)-slices.Min(intervals), base*3/4)
					}
				})
			})
		}
	}
}

// intervalsOf connects a user so many times, and returns after what time each connection was sent
// a second push, where the event came twice.
func intervalsOf(t *testing.T, kit *actorstest.Kit, connections int, event actors.Event) (intervals []time.Duration) {
	t.Helper()
	var sockets []*timingSocket
	login := kit.Login(t, "alice")
	for range connections {
		socket := &timingSocket{Socket: actorstest.NewSocket()}
		require.NoError(t, kit.System.Attach(login, socket))
		sockets = append(sockets, socket)
	}
	publish(t, kit, event)
	pass(111 * time.Millisecond)
	publish(t, kit, event)
	pass(time.Minute)
	for _, socket := range sockets {
		require.Len(t, socket.Texts(), 3, "authenticated, and two pushes")
		intervals = append(intervals, socket.at[2].Sub(socket.at[1]))
	}
	return intervals
}

// timingSocket notes when it is sent text messages.
type timingSocket struct {
	*actorstest.Socket
	at []time.Time
}

func (s *timingSocket) Write(frames []byte) (bool, error) {
	before := len(s.Texts())
	pending, err := s.Socket.Write(frames)
	for range len(s.Texts()) - before { // a ping may be in the same write
		s.at = append(s.at, time.Now())
	}
	return pending, err
}

func mean(durations []time.Duration) (mean time.Duration) {
	for _, d := range durations {
		mean += d / time.Duration(len(durations))
	}
	return mean
}

func TestKindsDoNotWaitForEachOther(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		publish(t, kit, actors.ActivityAdded{User: "alice"})
		pass(125 * time.Millisecond)
		publish(t, kit, actors.ActivityAdded{User: "alice"}, actors.ShareCreated{User: "alice"}, actors.NotificationChanged{User: "alice"})
		pass(125 * time.Millisecond)
		require.ElementsMatch(t, []string{"notify_activity", "notify_file", "notify_notification"}, pushes(alice))
	})
}

func TestCustomPushesAreNotDebounced(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		publish(t, kit, actors.ActivityAdded{User: "alice"}, actors.Custom{User: "alice", Text: "m"}, actors.Custom{User: "alice", Text: "m"})
		require.Equal(t, []string{"m", "m"}, pushes(alice))
	})
}

func TestNoDebounce(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		for range 20 {
			publish(t, kit, actors.ActivityAdded{User: "alice"}, actors.ShareCreated{User: "alice"}, actors.NotificationChanged{User: "alice"})
		}
		require.Equal(t, 60, len(pushes(alice)))
	})
}

// File pushes that coalesce unite their ids; one without ids makes the whole push one without ids.
func TestFilePushesCoalesce(t *testing.T) {
	file := func(id uint64) actors.Event { return actors.StorageUpdate{Storage: 1, Path: "a", FileID: id} }
	share := actors.ShareCreated{User: "alice"}
	var many []actors.Event
	for id := range uint64(2000) {
		many = append(many, file(id))
	}
	for name, c := range map[string]struct {
		events []actors.Event
		want   string
	}{
		"one":                {[]actors.Event{file(1)}, "notify_file_id [1]"},
		"united":             {[]actors.Event{file(3), file(1), file(2), file(1)}, "notify_file_id [3,1,2]"},
		"the same twice":     {[]actors.Event{file(7), file(7)}, "notify_file_id [7]"},
		"largest id":         {[]actors.Event{file(1<<64 - 1)}, "notify_file_id [18446744073709551615]"},
		"without ids first":  {[]actors.Event{share, file(1)}, "notify_file"},
		"without ids later":  {[]actors.Event{file(1), file(2), share, file(3)}, "notify_file"},
		"more than are kept": {many, "notify_file"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
				kit.Mounts.Set(mount(1, "alice", ""))
				ids, plain := kit.Connect(t, "alice"), kit.Connect(t, "alice")
				ids.Say("listen notify_file_id")
				publish(t, kit, file(99)) // fills the mapper's cache, so that order is kept from here
				pass(time.Minute)
				for _, event := range c.events {
					publish(t, kit, event)
					if event == share {
						continue
					}
					pass(time.Microsecond)
				}
				pass(130 * time.Millisecond)
				require.Equal(t, "notify_file_id [99]|"+c.want, strings.Join(pushes(ids), "|"))
				require.Equal(t, "notify_file|notify_file", strings.Join(pushes(plain), "|"))
			})
		})
	}
}

// What was coalesced for one connection is not seen by another.
func TestCoalescingIsPerConnection(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Set(mount(1, "alice", ""), mount(2, "alice", ""), mount(1, "bob", ""))
		alice, bob := kit.Connect(t, "alice"), kit.Connect(t, "bob")
		alice.Say("listen notify_file_id")
		bob.Say("listen notify_file_id")
		publish(t, kit, actors.StorageUpdate{Storage: 1, FileID: 1})
		pass(time.Millisecond)
		publish(t, kit, actors.StorageUpdate{Storage: 2, FileID: 2})
		pass(130 * time.Millisecond)
		require.Equal(t, []string{"notify_file_id [1,2]"}, pushes(alice))
		require.Equal(t, []string{"notify_file_id [1]"}, pushes(bob))
	})
}
