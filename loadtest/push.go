package loadtest

import (
	"bytes"
	"math"
)

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

// fileID is the id of a file whose change is published in a test. It carries the lower bits of the time in µs at which that was
// due, and whom it is for, and differs from its neighbours'. It fits into 63 bits.
func fileID(to recipient, due int64, serial int) uint64 {
	return uint64(due)<<(recipientBits+serialBits)&math.MaxInt64 | uint64(to)<<serialBits | uint64(serial)&(1<<serialBits-1)
}

const (
	serialBits  = 10
	fileDueBits = 63 - recipientBits - serialBits
)

// parseFileID reads an id that arrives at a time. It was due at most half an hour from then, which is all that its bits can tell.
func parseFileID(id uint64, at int64) (to recipient, due int64) {
	const unknown = 64 - fileDueBits // upper bits, which are those of now but for a carry
	age := (at - int64(id>>(recipientBits+serialBits))) << unknown >> unknown
	return recipient(id>>serialBits) & nobody, at - age
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
