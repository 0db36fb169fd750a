package loadtest

import "bytes"

// Kind is a kind of event.
type Kind string

// The kinds of events, by what they lead to.
const (
	Custom       Kind = "custom"
	File         Kind = "file"
	Activity     Kind = "activity"
	Notification Kind = "notification"
)

// fileIDs returns the ids of a push of changed files as they are written, "1,2,3".
func fileIDs(text []byte) (ids []byte, ok bool) {
	text, ok = bytes.CutPrefix(text, []byte("notify_file_id ["))
	if !ok {
		return nil, false
	}
	return bytes.CutSuffix(text, []byte{']'})
}

// untimed tells pushes that carry nothing which an event could be known by.
func untimed(text []byte) (Kind, bool) {
	switch string(text) {
	case "notify_file":
		return File, true
	case "notify_activity":
		return Activity, true
	case "notify_notification":
		return Notification, true
	}
	return "", false
}
