package actors_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
)

// everyEvent is one of each type.
var everyEvent = []actors.Event{
	actors.StorageUpdate{Storage: 1 << 63, Path: `files/"a" <b>`, FileID: 7},
	actors.GroupUpdate{User: "alice"},
	actors.ShareCreated{User: "ålice"},
	actors.ActivityAdded{User: "123"},
	actors.NotificationChanged{User: "alice"},
	actors.Custom{User: "alice", Text: `hello {"a": 1}`},
	actors.Custom{User: actors.SessionUser("abc"), Text: ""},
	actors.TokenIssued{User: "alice", Token: "secret"},
	actors.TokenIssued{User: actors.SessionUser("abc"), Token: "secret"},
	actors.TestCookie{Value: 1<<32 - 1},
	actors.LogLevelSet{Spec: "debug"},
	actors.LogLevelRestored{},
	actors.StatsRequested{},
	actors.Reset{},
}

func TestEventsRoundTrip(t *testing.T) {
	channels := map[string]bool{}
	for _, event := range everyEvent {
		channel, payload, err := actors.EncodeEvent(event)
		require.NoError(t, err, "%T", event)
		decoded, err := actors.DecodeEvent(channel, payload)
		require.NoError(t, err, "%s %s", channel, payload)
		require.Equal(t, event, decoded)
		channels[channel] = true
	}
	for _, channel := range actors.Channels {
		require.True(t, channels[channel], "no event for %s", channel)
	}
}

func TestEncodeEventRefuses(t *testing.T) {
	for want, event := range map[string]actors.Event{
		"the Event is nil":             nil,
		"events are structs":           &actors.Reset{},
		"no user is named":             actors.GroupUpdate{},
		"must be a user id, or":        actors.Custom{User: "\x00session:"},
		"must be a user id":            actors.ActivityAdded{User: actors.SessionUser("abc")},
		"the user id is not UTF-8":     actors.ShareCreated{User: "\xff"},
		"the text is not UTF-8":        actors.Custom{User: "alice", Text: "\xff"},
		"the path is not UTF-8":        actors.StorageUpdate{Path: "\xff"},
		"the token is empty":           actors.TokenIssued{User: "alice"},
		"the token is not UTF-8":       actors.TokenIssued{User: "alice", Token: "\xff"},
		"the text has 8388609 bytes":   actors.Custom{User: "alice", Text: strings.Repeat("x", 8<<20+1)},
		"more than the 1048576 that":   actors.LogLevelSet{Spec: strings.Repeat("x", 1<<20)},
		"specification is not UTF-8":   actors.LogLevelSet{Spec: "\xff"},
		"or a SessionUser where":       actors.NotificationChanged{},
		"the user id is not UTF-8, w":  actors.TokenIssued{User: "\xff", Token: "secret"},
		"no event *actors.Custom; eve": &actors.Custom{},
	} {
		_, _, err := actors.EncodeEvent(event)
		require.ErrorContains(t, err, want)
	}
}

// What is decoded and encoded again means the same.
func FuzzEncodeEvent(f *testing.F) {
	for _, c := range payloadCases(f, "good.txt") {
		f.Add(c.channel, []byte(c.payload))
	}
	f.Fuzz(func(t *testing.T, channel string, payload []byte) {
		event, err := actors.DecodeEvent(channel, payload)
		if err != nil {
			return
		}
		again, encoded, err := actors.EncodeEvent(event)
		if err != nil {
			return
		}
		require.Equal(t, channel, again)
		decoded, err := actors.DecodeEvent(again, encoded)
		require.NoError(t, err)
		require.Equal(t, event, decoded)
	})
}
