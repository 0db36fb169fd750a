package fleet

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/sealed"
)

var testMessage = message{
	Kind: logins, Node: "first", Sequence: 1, SentAt: time.Unix(1, 0).UTC(),
	Logins: []actors.LoginNews{{RememberedLogin: actors.RememberedLogin{Digest: []byte{1, 2}, User: "alice"}, State: actors.LoginReleased}},
}

var testEnvelope = envelope{Instance: "oc0123456789", Prefixes: []string{"", "3_"}}

func TestMessages(t *testing.T) {
	key := []byte("key")
	payload, err := encode(key, testEnvelope, testMessage)
	require.NoError(t, err)
	m, e, err := decode(key, payload)
	require.NoError(t, err)
	require.Equal(t, testMessage, m)
	require.Equal(t, testEnvelope, e)

	for i := range payload {
		changed := bytes.Clone(payload)
		changed[i] ^= 1
		_, _, err := decode(key, changed)
		require.ErrorIs(t, err, errForeign)
	}
	_, e, err = decode([]byte("another"), payload)
	require.ErrorIs(t, err, errForeign)
	require.Equal(t, testEnvelope, e, "the envelope is for all")
	_, _, err = decode(key, make([]byte, maxMessage+1))
	require.ErrorIs(t, err, errMalformed)
	for name, m := range map[string]message{
		"no node":         {Sequence: 1},
		"no sequence":     {Node: "first"},
		"long name":       {Node: string(make([]byte, maxName+1)), Sequence: 1},
		"too many logins": {Node: "first", Sequence: 1, Logins: make([]actors.LoginNews, maxLogins+1)},
	} {
		payload, err := encode(key, testEnvelope, m)
		require.NoError(t, err)
		_, _, err = decode(key, payload)
		require.ErrorIs(t, err, errMalformed, name)
	}
}

// The largest message of logins, with the longest user ids, is one that is looked at.
func TestLargestMessage(t *testing.T) {
	m := message{Kind: logins, Node: "first", Sequence: 1}
	for range maxLogins {
		m.Logins = append(m.Logins, actors.LoginNews{RememberedLogin: actors.RememberedLogin{
			Digest: make([]byte, 32), User: string(bytes.Repeat([]byte{'\x01'}, 255)), VerifiedAt: time.Now(), Until: time.Now(),
		}})
	}
	payload, err := encode([]byte("key"), testEnvelope, m)
	require.NoError(t, err)
	require.LessOrEqual(t, len(payload), maxMessage)
}

// Whatever somebody publishes, nothing is believed that has not the key; and what has it is what was encoded.
func FuzzDecode(f *testing.F) {
	key := []byte("key")
	payload, err := encode(key, testEnvelope, testMessage)
	require.NoError(f, err)
	f.Add(payload)
	f.Add(payload[:sealed.Length])
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, e, err := decode(key, payload)
		if err == nil && len(payload) < sealed.Length {
			t.Fatal("believed without a MAC")
		}
		if len(e.Instance) > maxEnvelope || len(e.Prefixes) > maxEnvelope {
			t.Fatal("a long envelope is read")
		}
		head, body, _ := bytes.Cut(payload, []byte{'\n'})
		signed := slices.Concat(head, []byte{'\n'}, sealed.Seal(key, string(head), body))
		if m, _, err := decode(key, signed); err == nil {
			if m.Node == "" || m.Sequence == 0 || len(m.Logins) > maxLogins {
				t.Fatal("malformed, and believed")
			}
		}
	})
}
