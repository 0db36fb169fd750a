package client

import (
	"encoding/json"
	"strings"
	"time"
)

// Kind says what a push is about.
type Kind string

// The kinds of pushes.
const (
	// File: some file of the user changed.
	File Kind = "file"
	// FileIDs: the files with these ids changed.
	FileIDs Kind = "file_ids"
	// Activity: there is a new entry in the user's activity stream.
	Activity Kind = "activity"
	// Notification: a notification was created, processed or dismissed.
	Notification Kind = "notification"
	// Custom: a message of some Nextcloud app.
	Custom Kind = "custom"
)

// Push is one message from the push server.
type Push struct {
	// At is when the push was read.
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`
	// FileIDs are the changed files of a push of kind FileIDs.
	FileIDs []uint64 `json:"file_ids,omitempty"`
	// Message is the text of a push of kind Custom, without its body.
	Message string `json:"message,omitempty"`
	// Body is the JSON that an app sent with a push of kind Custom; nil when there is none.
	Body json.RawMessage `json:"body,omitempty"`
}

// ParsePush reads the text of a message that came after the login. Every text means something: what is none of the
// server's own kinds is Custom. As in the web library, the message ends at the first space if the rest is JSON;
// otherwise all of the text is the message.
func ParsePush(text string) Push {
	switch text {
	case "notify_file":
		return Push{Kind: File}
	case "notify_activity":
		return Push{Kind: Activity}
	case "notify_notification":
		return Push{Kind: Notification}
	}

	message, rest, found := strings.Cut(text, " ")
	if !found || !json.Valid([]byte(rest)) {
		return Push{Kind: Custom, Message: text}
	}
	if message == "notify_file_id" {
		var ids []uint64
		if json.Unmarshal([]byte(rest), &ids) == nil && ids != nil {
			return Push{Kind: FileIDs, FileIDs: ids}
		}
	}
	return Push{Kind: Custom, Message: message, Body: json.RawMessage(rest)}
}

// String gives the message as the server wrote it.
func (p Push) String() string {
	switch p.Kind {
	case Custom:
		if p.Body == nil {
			return p.Message
		}
		return p.Message + " " + string(p.Body)
	case FileIDs:
		ids, _ := json.Marshal(append([]uint64{}, p.FileIDs...)) // a list also where there are none
		return "notify_file_id " + string(ids)
	default:
		return "notify_" + string(p.Kind)
	}
}
