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
	if e, is := event.(StorageUpdate); is {
		fields = append(fields, zap.Uint64("storage", e.Storage))
	} else if user := event.concerns(); user != "" {
		fields = append(fields, zap.String("user", user))
	}
	line.Write(fields...)
}
