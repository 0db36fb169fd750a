package actors

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Tokens that nobody uses do not fill the memory, and the last one is good.
func TestTokensAreBounded(t *testing.T) {
	tokens := newTokens()
	var sum digest
	for i := range 3 * maxTokens {
		binary.BigEndian.PutUint64(sum[:], uint64(i))
		tokens.issue(sum, "alice", time.Second)
	}
	require.Len(t, tokens.issued, maxTokens)
	user, ok := tokens.redeem(sum, 2*time.Second)
	require.True(t, ok)
	require.Equal(t, "alice", user)
}

func TestLongIDsAreMalformed(t *testing.T) {
	long := strings.Repeat("u", maxID)
	for channel, rest := range map[string]string{
		"notify_activity": `}`, "notify_notification": `}`, "notify_user_share_created": `}`, "notify_group_membership_update": `}`,
		"notify_custom": `,"message":"m"}`, "notify_pre_auth": `,"token":"t"}`,
	} {
		for _, member := range []string{"user", "session"} {
			if member == "session" && channel != "notify_custom" && channel != "notify_pre_auth" {
				continue
			}
			_, err := DecodeEvent(channel, []byte(`{"`+member+`":"`+long+`"`+rest))
			require.NoError(t, err, channel)
			_, err = DecodeEvent(channel, []byte(`{"`+member+`":"`+long+`x"`+rest))
			require.ErrorContains(t, err, "256 bytes", channel)
		}
	}
}
