package wire

import "strconv"

// Kind is a kind of event.
type Kind string

// The kinds of events, by the pushes they lead to.
const (
	Custom       Kind = "custom"
	File         Kind = "file"
	Activity     Kind = "activity"
	Notification Kind = "notification"
)

// Event is an event of a step.
type Event struct {
	Kind     Kind
	User     int32
	To       Recipient
	Storage  uint32
	Sequence uint32 // among the custom events to this user in this step, from 0
	Serial   int    // among all events of this step
	Padding  int    // bytes
}

// Channel is the Redis channel that the app publishes such an event on.
func (e Event) Channel() string {
	switch e.Kind {
	case File:
		return "notify_storage_update"
	case Activity:
		return "notify_activity"
	case Notification:
		return "notify_notification"
	default:
		return "notify_custom"
	}
}

// Append writes the payload as the app does. due is when it should be published, in µs since 1970.
func (e Event) Append(b []byte, step uint32, due int64) []byte {
	if e.Kind == File {
		b = append(b, `{"storage":`...)
		b = strconv.AppendUint(b, uint64(e.Storage), 10)
		b = append(b, `,"path":"files/shared/load.txt","file_id":`...)
		b = strconv.AppendUint(b, fileID(e.To, due, e.Serial), 10)
		return append(b, '}')
	}
	b = append(b, `{"user":"`...)
	b = append(b, UserName(e.User)...)
	if e.Kind == Custom {
		b = append(b, `","message":"`...)
		b = Stamp{e.To, step, e.Sequence, due}.Append(b)
		if e.Padding > 0 {
			b = append(b, ' ')
		}
		for range e.Padding {
			b = append(b, 'x')
		}
	}
	return append(b, `"}`...)
}
