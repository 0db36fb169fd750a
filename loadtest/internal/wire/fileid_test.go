package wire

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/loadtest/internal/clock"
)

func TestPushes(t *testing.T) {
	ids, ok := FileIDs([]byte("notify_file_id [1,22,333]"))
	require.True(t, ok)
	require.Equal(t, []uint64{1, 22, 333}, slices.Collect(ids))
	for _, text := range []string{"notify_file", "notify_file_id", "notify_file_id [1", "notify_file_id 1]"} {
		_, ok := FileIDs([]byte(text))
		require.False(t, ok, text)
	}
	for text, want := range map[string]bool{"notify_file": true, "notify_activity": true, "notify_notification": true, "notify_other": false} {
		require.Equal(t, want, IsUnstamped([]byte(text)), text)
	}
}

func TestFileIDsTellTheTimeAndTheUser(t *testing.T) {
	for _, at := range []int64{clock.Now(), 1 << fileDueBits, 1<<fileDueBits - 1} {
		for _, age := range []time.Duration{0, time.Microsecond, -time.Millisecond, 10 * time.Minute} {
			for _, want := range []Recipient{Anybody, RecipientOf(0), RecipientOf(MaxClients - 1), Nobody} {
				due := at - age.Microseconds()
				id := fileID(want, due, 12345)
				require.Less(t, id, uint64(1<<63), "a signed number must do")
				to, got := ParseFileID(id, at)
				require.Equal(t, due, got, "%d, %v", at, age)
				require.Equal(t, want, to)
			}
		}
	}
	require.NotEqual(t, fileID(1, clock.Now(), 1), fileID(1, clock.Now(), 2))
}
