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
