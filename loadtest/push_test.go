package loadtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPushes(t *testing.T) {
	ids, ok := fileIDs([]byte("notify_file_id [1,22,333]"))
	require.True(t, ok)
	require.Equal(t, "1,22,333", string(ids))
	for _, text := range []string{"notify_file", "notify_file_id", "notify_file_id [1", "notify_file_id 1]"} {
		_, ok := fileIDs([]byte(text))
		require.False(t, ok, text)
	}
	for text, want := range map[string]Kind{"notify_file": File, "notify_activity": Activity, "notify_notification": Notification} {
		kind, ok := untimed([]byte(text))
		require.True(t, ok)
		require.Equal(t, want, kind)
	}
	_, ok = untimed([]byte("notify_other"))
	require.False(t, ok)
}

func TestFileIDsTellTheTimeAndTheUser(t *testing.T) {
	for _, at := range []int64{now(), 1 << fileDueBits, 1<<fileDueBits - 1} {
		for _, age := range []time.Duration{0, time.Microsecond, -time.Millisecond, 10 * time.Minute} {
			for _, want := range []recipient{anybody, recipientOf(0), recipientOf(maxClients - 1), nobody} {
				due := at - age.Microseconds()
				id := fileID(want, due, 12345)
				require.Less(t, id, uint64(1<<63), "a signed number must do")
				to, got := parseFileID(id, at)
				require.Equal(t, due, got, "%d, %v", at, age)
				require.Equal(t, want, to)
			}
		}
	}
	require.NotEqual(t, fileID(1, now(), 1), fileID(1, now(), 2))
}
