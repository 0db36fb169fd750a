package actors

import "go.uber.org/zap"

// logEvent logs at debug level what an event is about, for an operator who wants to see whether
// Nextcloud publishes: whom or which storage it concerns, and never a path, a text or a token.
func (s *System) logEvent(channel string, event Event) {
	line := s.log.Check(zap.DebugLevel, "event")
	if line == nil {
		return
	}
	fields := []zap.Field{zap.String("channel", channel)}
	switch e := event.(type) {
	case StorageUpdate:
		fields = append(fields, zap.Uint64("storage", e.Storage))
	case GroupUpdate:
		fields = append(fields, zap.String("user", e.User))
	case ShareCreated:
		fields = append(fields, zap.String("user", e.User))
	case ActivityAdded:
		fields = append(fields, zap.String("user", e.User))
	case NotificationChanged:
		fields = append(fields, zap.String("user", e.User))
	case Custom:
		fields = append(fields, zap.String("user", e.User))
	case TokenIssued:
		fields = append(fields, zap.String("user", e.User))
	}
	line.Write(fields...)
}
