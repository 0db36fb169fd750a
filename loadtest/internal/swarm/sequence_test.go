package swarm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/loadtest/internal/wire"
)

func TestSequence(t *testing.T) {
	at := func(step, n uint32) wire.Stamp { return wire.Stamp{Step: step, Sequence: n} }
	for name, test := range map[string]struct {
		seen    []wire.Stamp
		want    []arrival
		missing int
	}{
		"in order":        {[]wire.Stamp{at(1, 0), at(1, 1), at(1, 2)}, []arrival{inOrder, inOrder, inOrder}, 0},
		"the first lost":  {[]wire.Stamp{at(1, 1), at(1, 2)}, []arrival{inOrder, inOrder}, 1},
		"two lost":        {[]wire.Stamp{at(1, 0), at(1, 3)}, []arrival{inOrder, inOrder}, 2},
		"swapped":         {[]wire.Stamp{at(1, 1), at(1, 0), at(1, 2)}, []arrival{inOrder, outOfOrder, inOrder}, 0},
		"twice":           {[]wire.Stamp{at(1, 0), at(1, 0)}, []arrival{inOrder, duplicate}, 0},
		"late, and twice": {[]wire.Stamp{at(1, 0), at(1, 2), at(1, 1), at(1, 1)}, []arrival{inOrder, inOrder, outOfOrder, duplicate}, 0},
		"the next step":   {[]wire.Stamp{at(1, 4), at(2, 0), at(2, 1)}, []arrival{inOrder, inOrder, inOrder}, 0},
		"the step before": {[]wire.Stamp{at(2, 0), at(1, 5), at(2, 1)}, []arrival{inOrder, stale, inOrder}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var s sequence
			for i, e := range test.seen {
				require.Equal(t, test.want[i], s.see(e), "event %d", i)
			}
			require.Len(t, s.missing, test.missing)
		})
	}
}

func TestSequenceRemembersABoundedNumber(t *testing.T) {
	var s sequence
	require.Equal(t, inOrder, s.see(wire.Stamp{Sequence: 1 << 31}))
	require.Len(t, s.missing, maxMissing)
}

func TestEventsThatAreMissingInARow(t *testing.T) {
	seen := sequence{step: 1, next: 5, due: 40}
	g := seen.before(wire.Stamp{Step: 1, Sequence: 9, Due: 90}) // 5 to 8, which were due at 50 to 80
	require.Equal(t, gap{first: 50, interval: 10, events: 4}, g)
	for _, test := range []struct{ from, until, want int64 }{
		{0, 0, 0}, {0, 50, 0}, {0, 51, 1}, {0, 60, 1}, {0, 61, 2}, {0, 80, 3}, {0, 81, 4}, {0, 1000, 4},
		{50, 1000, 4}, {51, 1000, 3}, {80, 1000, 1}, {81, 1000, 0}, {60, 71, 2}, {1000, 0, 0},
	} {
		require.EqualValues(t, test.want, g.due(test.from, test.until), "from %d until %d", test.from, test.until)
	}
	for name, next := range map[string]wire.Stamp{
		"none is missing": {Step: 1, Sequence: 5, Due: 50}, "one that is late": {Step: 1, Sequence: 3, Due: 30},
		"of another step": {Step: 2, Sequence: 9, Due: 90},
	} {
		require.Zero(t, seen.before(next), name)
	}
	require.Zero(t, (&sequence{step: 1}).before(wire.Stamp{Step: 1, Sequence: 9, Due: 90}), "when the first were due is not known")
	require.Equal(t, 8, (&sequence{step: 1, next: 1, due: 7}).before(wire.Stamp{Step: 1, Sequence: 9, Due: 7}).due(0, 1000), "all at once")
}
