package loadtest

import (
	"testing"

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

func TestFileIDsTellTheTime(t *testing.T) {
	at := now()
	require.Equal(t, at, dueOf(fileID(at, 12345)))
	require.NotEqual(t, fileID(at, 1), fileID(at, 2))
	require.Less(t, fileID(at, 999), uint64(1<<63), "a signed number must do")
}
