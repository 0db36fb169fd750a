package client_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/client"
)

func TestParsePush(t *testing.T) {
	custom := func(message, body string) client.Push {
		push := client.Push{Kind: client.Custom, Message: message}
		if body != "" {
			push.Body = json.RawMessage(body)
		}
		return push
	}
	for text, want := range map[string]client.Push{
		"notify_file":                 {Kind: client.File},
		"notify_activity":             {Kind: client.Activity},
		"notify_notification":         {Kind: client.Notification},
		"notify_file_id [7]":          {Kind: client.FileIDs, FileIDs: []uint64{7}},
		"notify_file_id []":           {Kind: client.FileIDs, FileIDs: []uint64{}},
		"notify_file_id null":         custom("notify_file_id", "null"),
		"notify_file_id [-1]":         custom("notify_file_id", "[-1]"),
		"notify_file_id [1.5]":        custom("notify_file_id", "[1.5]"),
		"notify_file_id [1":           custom("notify_file_id [1", ""),
		"notify_file_id":              custom("notify_file_id", ""),
		"notify_files":                custom("notify_files", ""),
		"":                            custom("", ""),
		"chat":                        custom("chat", ""),
		`chat {"z":1,"a":1.00}`:       custom("chat", `{"z":1,"a":1.00}`),
		`chat "a b"`:                  custom("chat", `"a b"`),
		"hello world":                 custom("hello world", ""),
		"chat ":                       custom("chat ", ""),
		"Grüße 🙂 [1]":                 custom("Grüße 🙂 [1]", ""),
		" {}":                         custom("", "{}"),
		"authenticated":               custom("authenticated", ""),
		"err: Invalid credentials":    custom("err: Invalid credentials", ""),
		"chat 123456789012345678901.": custom("chat 123456789012345678901.", ""),
	} {
		require.Equal(t, want, client.ParsePush(text), text)
	}
}

func TestPushPrintsAsTheServerWroteIt(t *testing.T) {
	for _, text := range []string{
		"notify_file",
		"notify_file_id [1,18446744073709551615]",
		"notify_file_id []",
		"notify_activity",
		"notify_notification",
		"chat",
		`chat {"a": 1.00}`,
	} {
		require.Equal(t, text, client.ParsePush(text).String())
	}
}

// No text is lost, whatever it is: what a push says can be turned back into what was sent.
func FuzzParsePush(f *testing.F) {
	for _, text := range []string{"notify_file", "notify_file_id [1,2]", "notify_file_id [", `my_app {"a":[1]}`, "a b", " ", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		push := client.ParsePush(text)
		switch push.Kind {
		case client.File, client.Activity, client.Notification:
			require.Equal(t, text, push.String())
		case client.FileIDs:
			var ids []uint64
			require.NoError(t, json.Unmarshal([]byte(text[len("notify_file_id "):]), &ids))
			require.Equal(t, ids, push.FileIDs)
		case client.Custom:
			require.Equal(t, text, push.String())
			require.True(t, push.Body == nil || json.Valid(push.Body))
		default:
			t.Fatalf("unknown kind %q", push.Kind)
		}
	})
}
