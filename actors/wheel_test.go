package actors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A connection is never woken too early, wherever between two ticks it asks for it, and so once a heartbeat:
// it would have to ask again.
func TestWheelIsNeverEarly(t *testing.T) {
	for _, after := range []time.Duration{-time.Second, 0, 1, time.Second, 29500 * time.Millisecond, heartbeat} {
		w, e, ticks := newWheel(nil, &ticker{wheels: map[*wheel]struct{}{}}), &wheelEntry{}, 0
		w.schedule(e, after)
		for now := time.Unix(1, 0); ; now = now.Add(wheelTick) {
			if ticks++; len(w.advance(now)) > 0 {
				break
			}
		}
		least := time.Duration(ticks-1) * wheelTick // where the first tick comes at once
		require.GreaterOrEqual(t, least, after)
		require.Less(t, least, max(after, 0)+wheelTick)
		w.schedule(e, after)
		w.cancel(e)
		for range wheelSlots {
			require.Empty(t, w.advance(time.Unix(1, 0)))
		}
	}
}
