package monitor

import (
	"testing"

	"github.com/notifypush/notifypush/actors"
	"github.com/stretchr/testify/require"
)

func TestStatsJSON(t *testing.T) {
	require.JSONEq(t, `{
		"active_connection_count": 1,
		"active_user_count": 2,
		"total_connection_count": 3,
		"mapping_query_count": 4,
		"events_received": 5,
		"messages_sent": 1000,
		"messages_sent_file": 100,
		"messages_sent_activity": 200,
		"messages_sent_notification": 300,
		"messages_sent_custom": 400
	}`, string(StatsJSON(wellSource().Stats())))
	require.Contains(t, string(StatsJSON(actors.Stats{})), `"messages_sent_custom":0`, "zeros are there, too")
}
