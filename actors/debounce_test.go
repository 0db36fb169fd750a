package actors_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// debouncedEvents are the events of which a connection's pushes are held back, with what is sent.
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

// A first push after a quiet spell waits 100 ms, and what comes meanwhile is the same push.
func TestFirstPushSettles(t *testing.T) {
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

// A user who is never quiet is told, at the debounce's pace: today's daemon would say nothing.
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

// Two pushes of a kind are apart by clamp(connections / 10, 1, max) seconds, times 0.5 to 1.5, and
// notifications by one second.
func TestDebounceInterval(t *testing.T) {
	for _, c := range []struct {
		connections int
		max         time.Duration
		base        time.Duration // of files and activities
	}{
		{1, 15 * time.Second, time.Second},
		{40, 15 * time.Second, 4 * time.Second},
		{200, 15 * time.Second, 15 * time.Second},
		{200, 3 * time.Second, 3 * time.Second},
		{1, 0, 0},
	} {
		for _, d := range debouncedEvents {
			t.Run(fmt.Sprintf("%s of %d with at most %v", d.push, c.connections, c.max), func(t *testing.T) {
				bubble(t, func(o *actors.Options) { o.MaxDebounceTime = c.max }, func(t *testing.T, kit *actorstest.Kit) {
					alice := kit.Connect(t, "alice")
					for i := range c.connections - 1 {
						kit.Connect(t, fmt.Sprint("other", i))
					}
					publish(t, kit, d.event)
					pass(125 * time.Millisecond)
					require.Equal(t, []string{d.push}, pushes(alice))

					least, most := c.base/2, c.base*3/2
					if d.push == "notify_notification" {
						least, most = time.Second, time.Second
					}
					publish(t, kit, d.event)
					if least > 150*time.Millisecond {
						pass(least - 50*time.Millisecond)
						require.Len(t, pushes(alice), 1, "too early")
						pass(most - least + 50*time.Millisecond)
					} else {
						pass(125 * time.Millisecond)
					}
					require.Equal(t, []string{d.push, d.push}, pushes(alice))
				})
			})
		}
	}
}

// The factor is drawn once per connection, so a herd does not move as one.
func TestDebounceIsSpreadOverConnections(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		var sockets []*actorstest.Socket
		for range 50 {
			sockets = append(sockets, kit.Connect(t, "alice"))
		}
		publish(t, kit, actors.ActivityAdded{User: "alice"})
		pass(time.Second)
		publish(t, kit, actors.ActivityAdded{User: "alice"})
		pass(4 * time.Second) // 5 s is the middle, from 2.5 to 7.5
		early := 0
		for _, socket := range sockets {
			early += len(pushes(socket)) - 1
		}
		require.Greater(t, early, 0)
		require.Less(t, early, 50)
	})
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

func TestCustomPushesAreNotHeld(t *testing.T) {
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

// Merged file pushes unite their ids; one without ids makes the whole push one without ids.
func TestFilePushesMerge(t *testing.T) {
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

// What was merged for one connection is not seen by another.
func TestMergingIsPerConnection(t *testing.T) {
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
