package monitor

import (
	"encoding/json"

	"github.com/notifypush/notifypush/actors"
)

// KeyMetrics is the Redis key that `occ notify_push:metrics` reads; its value is that of StatsJSON.
const KeyMetrics = "notify_push_metrics"

// StatsJSON returns the counters as the app reads them.
func StatsJSON(stats actors.Stats) []byte {
	text, _ := json.Marshal(struct { // numbers always encode
		ActiveConnections uint64 `json:"active_connection_count"`
		ActiveUsers       uint64 `json:"active_user_count"`
		TotalConnections  uint64 `json:"total_connection_count"`
		MappingQueries    uint64 `json:"mapping_query_count"`
		Events            uint64 `json:"events_received"`
		Sent              uint64 `json:"messages_sent"`
		SentFile          uint64 `json:"messages_sent_file"`
		SentActivity      uint64 `json:"messages_sent_activity"`
		SentNotification  uint64 `json:"messages_sent_notification"`
		SentCustom        uint64 `json:"messages_sent_custom"`
	}{
		ActiveConnections: stats.ActiveConnections,
		ActiveUsers:       stats.ActiveUsers,
		TotalConnections:  stats.TotalConnections,
		MappingQueries:    stats.MappingQueries,
		Events:            stats.EventsReceived,
		Sent:              stats.AllMessagesSent(),
		SentFile:          stats.MessagesSent[actors.KindFile],
		SentActivity:      stats.MessagesSent[actors.KindActivity],
		SentNotification:  stats.MessagesSent[actors.KindNotification],
		SentCustom:        stats.MessagesSent[actors.KindCustom],
	})
	return text
}
