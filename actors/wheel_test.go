package actors

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A connection is never woken too early, wherever between two ticks it asks for it, and so once a heartbeat:
// it would have to ask again.
func TestWheelIsNeverEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its own ticks do not come
		for _, after := range []time.Duration{-time.Second, 0, 1, time.Second, 29500 * time.Millisecond, heartbeat} {
			w, e, ticks := &wheel{}, &wheelEntry{}, 0
			w.schedule(e, after)
			for now := time.Unix(1, 0); ; now = now.Add(wheelTick) {
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

// However many Systems there are, the process is woken once a second for their wheels.
func TestWheelsTickTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(300 * time.Millisecond)
		require.Equal(t, 700*time.Millisecond, untilTick())
		time.Sleep(untilTick())
		require.Equal(t, wheelTick, untilTick())
	})
}
