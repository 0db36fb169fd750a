package swarm

import (
	"errors"
	"net/netip"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// A client is in an array of all, besides its actor; what its connection needs beyond that comes and goes.
func TestSizeOfAClient(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(client{}), uintptr(136), "docs/loadtest.md says what a client costs")
}

func TestCredentialsOfAClientThatHasLeft(t *testing.T) {
	for _, failure := range []error{nil, errors.New("no Redis")} {
		c := &client{set: &clientSet{record: newRecorder(1), roster: Roster{Endpoints: []Endpoint{{Address: netip.MustParseAddrPort("127.0.0.1:1")}}}}, stage: fetching}
		c.onLeave()
		c.onFetched(&Credentials{}, failure)
		require.Equal(t, offline, c.stage)
		require.Empty(t, c.set.record.snapshot().Disconnects, "it has not tried to connect, nor failed")
	}
}
