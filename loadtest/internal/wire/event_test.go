package wire

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEventsAreWhatTheAppPublishes(t *testing.T) {
	for _, test := range []struct {
		event         Event
		channel, want string
	}{
		{Event{Kind: Custom, User: 7, To: 8, Sequence: 3}, "notify_custom", `{"user":"load000007","message":"loadtest 8 2 3 99"}`},
		{Event{Kind: Custom, User: 7, Padding: 3}, "notify_custom", `{"user":"load000007","message":"loadtest 0 2 0 99 xxx"}`},
		{Event{Kind: Activity, User: 7}, "notify_activity", `{"user":"load000007"}`},
		{Event{Kind: Notification, User: 7}, "notify_notification", `{"user":"load000007"}`},
		{Event{Kind: File, Storage: 1, To: 8, Serial: 7}, "notify_storage_update", `{"storage":1,"path":"files/shared/load.txt","file_id":212600889351}`},
	} {
		payload := test.event.Append(nil, 2, 99)
		require.True(t, json.Valid(payload))
		require.Equal(t, test.want, string(payload))
		require.Equal(t, test.channel, test.event.Channel())
	}
}
