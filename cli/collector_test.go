package cli

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// garbageAllowed returns what says how much garbage may pile up, in percent, from garbageIdle on.
func garbageAllowed(t *testing.T) (percent func() int) {
	before := debug.SetGCPercent(garbageIdle)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	return func() int {
		now := debug.SetGCPercent(garbageIdle)
		debug.SetGCPercent(now)
		return now
	}
}

func TestCollectorFollowsWhatHappens(t *testing.T) {
	percent := garbageAllowed(t)
	c := &collector{cycles: 10}
	c.tick(11, 0, 0)
	require.Equal(t, garbageIdle, percent(), "one collection is no busy time")
	c.tick(13, 0, 0)
	require.Equal(t, garbageBusy, percent())
	for i := range 2 * quietTicks {
		c.tick(c.cycles, (i+1)*fewest, 0)
	}
	require.Equal(t, garbageBusy, percent(), "many come, and with many connections collections are far between")
	c.weight, c.crowd = 0, 0
	for range quietTicks - 1 {
		c.tick(c.cycles, 0, 0)
	}
	require.Equal(t, garbageBusy, percent(), "a short silence does not end it")
	c.tick(c.cycles, 0, 0)
	require.Equal(t, garbageIdle, percent())
	const none = 1 << 40 // collections, until memory is given back
	gaveBack := func() bool { return c.cycles != none }
	c.cycles = none
	for range settledTicks - quietTicks - 1 {
		c.tick(none, 0, 0)
		require.False(t, gaveBack())
	}
	c.tick(none, 0, 0)
	require.True(t, gaveBack(), "what the busy time has needed for a while is closed by then")
	for c.cycles = none; c.weight < 2*settledTicks; {
		c.tick(none, c.weight+1, 0)
		require.False(t, gaveBack(), "once")
	}
}

// TestCollectorFollowsEvents has a steady stream of them, which makes too little garbage for a busy time in other respects.
func TestCollectorFollowsEvents(t *testing.T) {
	percent := garbageAllowed(t)
	c := &collector{cycles: collections()}
	events := uint64(0)
	hear := func(more uint64) int {
		events += more
		c.tick(c.cycles, 0, events)
		return percent()
	}
	require.Equal(t, garbageIdle, hear(manyEvents-1))
	require.Equal(t, garbageBusy, hear(manyEvents))
	for range 2 * quietTicks {
		require.Equal(t, garbageBusy, hear(manyEvents/2), "it does not end with each small gap")
	}
	for range quietTicks - 1 {
		require.Equal(t, garbageBusy, hear(manyEvents/2-1))
	}
	require.Equal(t, garbageIdle, hear(0))
	c.tick(c.cycles, 0, 0)
	require.Equal(t, garbageIdle, percent(), "an instance is gone, and its events are not counted any more")
}

// TestCollectorFollowsACrowd has unauthenticated clients come and go, which make too little garbage for a busy time.
func TestCollectorFollowsACrowd(t *testing.T) {
	c := &collector{cycles: collections()}
	c.tick(c.cycles, 4000, 0)
	for range 10 * quietTicks {
		c.tick(c.cycles, 3500, 0)
	}
	require.Equal(t, 4000, c.crowd, "some always leave")
	c.tick(c.cycles, 100, 0)
	for range quietTicks {
		require.Equal(t, 4000, c.crowd, "not before it is quiet")
		c.tick(c.cycles, 100, 0)
	}
	require.Equal(t, 100, c.crowd, "their memory was given back")
	for range 10 * quietTicks {
		c.tick(c.cycles, 0, 0)
	}
	require.Equal(t, 100, c.crowd, "a few are not worth it")

	for weight := 4000; weight >= 2000; weight -= fewest {
		c.tick(c.cycles, weight, 0)
		require.Equal(t, 4000, c.crowd, "not while they go")
	}
}
