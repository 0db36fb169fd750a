package fleet

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A server that crashes and is started again has another name each time.
func TestCrashingNodesLeaveRoom(t *testing.T) {
	s := newMembers("own")
	now := time.Unix(1_000_000, 0)
	s.subscribed(now)
	hear := func(node string, k kind) error {
		_, err := s.hear(message{Kind: k, Node: node, Sequence: 1, SentAt: now}, now)
		return err
	}
	for n := range 2 * maxMembers {
		require.NoError(t, hear(fmt.Sprint("crashes-", n), hello))
		now = now.Add(silenceLimit / 5)
		s.expire(now)
	}
	require.NoError(t, hear("healthy", hello))
	require.False(t, s.alone())
	require.LessOrEqual(t, len(s.known), maxMembers)
	require.ErrorIs(t, hear(fmt.Sprint("crashes-", 2*maxMembers-1), hello), errReplayed, "those that went last are kept")

	s = newMembers("own") // those that are there are not forgotten
	s.subscribed(now)
	for n := range maxMembers {
		require.NoError(t, hear(fmt.Sprint("there-", n), hello))
	}
	require.ErrorIs(t, hear("another", hello), errTooMany)
}
