package loadtest

import (
	"errors"
	"net/netip"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// A client is in an array of all, besides its actor; what its connection needs beyond that comes and goes.
func TestSizeOfAClient(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(client{}), uintptr(104), "docs/loadtest.md says what a client costs")
}

func TestATokenForWhoHasLeft(t *testing.T) {
	for _, failure := range []error{nil, errors.New("no Redis")} {
		c := &client{fleet: &fleet{counts: newCounts(1), roster: roster{Address: netip.MustParseAddrPort("127.0.0.1:1")}}, stage: fetchingToken}
		c.onLeave()
		c.onToken(failure)
		require.Equal(t, away, c.stage)
		require.Empty(t, c.fleet.counts.snapshot().Endings, "it has not tried to connect, nor failed")
	}
}
