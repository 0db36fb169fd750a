package cli

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCollectorFollowsWhatHappens(t *testing.T) {
	before := debug.SetGCPercent(garbageIdle)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	percent := func() int {
		now := debug.SetGCPercent(garbageIdle)
		debug.SetGCPercent(now)
		return now
	}
	c := &collector{cycles: 10}
	c.tick(11)
	require.Equal(t, garbageIdle, percent(), "one collection is no busy time")
	c.tick(13)
	require.Equal(t, garbageBusy, percent())
	for range quietTicks - 1 {
		c.tick(c.cycles)
	}
	require.Equal(t, garbageBusy, percent(), "a short silence does not end it")
	c.tick(c.cycles)
	require.Equal(t, garbageIdle, percent())
}
