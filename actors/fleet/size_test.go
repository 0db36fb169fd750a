package fleet

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
)

// What docs/fleet.md says that the channel takes.
func TestSizeOfMessages(t *testing.T) {
	size := func(m message) int {
		m.Node, m.Sequence, m.SentAt, m.Version = "0123456789abcdef", math.MaxUint32, time.Now(), "1.4.0"
		payload, err := encode([]byte("key"), testEnvelope, m)
		require.NoError(t, err)
		return len(payload)
	}
	stats := actors.Stats{TotalConnections: math.MaxUint32, EventsReceived: math.MaxUint32}
	beat := size(message{Kind: beat, Stats: &stats})
	require.InDelta(t, 600, beat, 150)

	login := actors.LoginNews{RememberedLogin: actors.RememberedLogin{Digest: make([]byte, 32), User: "alice.of.wonderland", VerifiedAt: time.Now()}}
	many := make([]actors.LoginNews, maxLogins)
	for i := range many {
		many[i] = login
	}
	require.InDelta(t, 150, float64(size(message{Kind: logins, Logins: many}))/maxLogins, 30)
}
