package actors

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
)

// A connection is never woken too early, wherever between two ticks it asks for it, and so once a heartbeat:
// it would have to ask again.
func TestWheelIsNeverEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its own ticks do not come
		for _, after := range []time.Duration{-time.Second, 0, 1, time.Second, 29500 * time.Millisecond, heartbeat} {
			w, e, ticks := &wheel{}, &wheelEntry{}, 0
			w.schedule(e, after)
			for now := time.Unix(1, 0); ticks < wheelSlots; now = now.Add(wheelTick) {
				w.advance(now)
				if ticks++; w.slots[wheelDue] != nil {
					break
				}
			}
			require.Same(t, e, w.slots[wheelDue])
			least := time.Duration(ticks-1) * wheelTick // where the first tick comes at once
			require.GreaterOrEqual(t, least, after)
			require.Less(t, least, max(after, 0)+wheelTick)
			w.schedule(e, after)
			w.cancel(e)
			for range wheelSlots {
				w.advance(time.Unix(1, 0))
				require.Nil(t, w.slots[wheelDue])
			}
			w.stop()
		}
	})
}

// Those that are being woken may be cancelled, or ask to be woken again, meanwhile.
func TestWheelChangesWhileItWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wheel{}
		entries := map[string]*wheelEntry{}
		for _, id := range []string{"first", "cancelled", "again", "last"} {
			entries[id] = &wheelEntry{pid: actor.NewPID("", id)}
			w.schedule(entries[id], 0)
		}
		w.advance(time.Unix(1, 0))
		require.Equal(t, "first", w.nextDue().Id)
		w.cancel(entries["cancelled"])
		w.schedule(entries["again"], 0)
		require.Equal(t, "last", w.nextDue().Id)
		require.Nil(t, w.nextDue())
		require.Equal(t, 1, w.entries)
		w.advance(time.Unix(2, 0))
		require.Equal(t, "again", w.nextDue().Id)
		require.Zero(t, w.entries)
		w.stop()
	})
}

// However many Systems there are, the process is woken once a second for their wheels.
func TestWheelsTickTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(300 * time.Millisecond)
		require.Equal(t, 700*time.Millisecond, untilTick())
		time.Sleep(untilTick())
		require.Equal(t, wheelTick, untilTick())
	})
}
