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

// fileID is the id of a file whose change is published in a test: it carries the time at which that was due, in µs since 1970,
// and differs from its neighbours'. It fits into 63 bits until the year 2262.
func fileID(due int64, serial int) uint64 {
	return uint64(due)*fileSerials + uint64(serial%fileSerials)
}

const fileSerials = 1000

// dueOf is the time in an id.
func dueOf(id uint64) int64 { return int64(id / fileSerials) }

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
