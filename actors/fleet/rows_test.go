package fleet

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
)

// What was read is told in messages that have whole storages; those that have no rows are named, too.
func TestParts(t *testing.T) {
	u := unpublished{mountsMessage: mountsMessage{Again: true}}
	for storage := range uint64(100) {
		u.Storages = append(u.Storages, storage)
		for i := range 1000 * int(storage%2) {
			u.mounts = append(u.mounts, actors.Mount{Storage: storage, User: fmt.Sprint("user", i), Root: strings.Repeat("r", i%3)})
		}
	}
	var storages []uint64
	var mounts []actors.Mount
	parts := u.parts()
	require.Greater(t, len(parts), 1)
	for _, part := range parts {
		require.True(t, part.Again)
		storages = append(storages, part.Storages...)
		mounts = append(mounts, part.mounts()...)
		payload, err := encode([]byte("key"), envelope{}, message{Kind: rows, Mounts: &part})
		require.NoError(t, err)
		require.Less(t, len(payload), maxMessage)
	}
	require.Equal(t, u.Storages, storages)
	require.ElementsMatch(t, u.mounts, mounts)

	u = unpublished{mountsMessage: mountsMessage{Storages: []uint64{1}}}
	require.Len(t, u.parts(), 1)
}

// A storage with more rows than a message has room for is named as one that each has to read, and so is one that could not be read.
func TestRowsThatDoNotFit(t *testing.T) {
	u := unpublished{mountsMessage: mountsMessage{Storages: []uint64{1}}}
	for i := range maxMessage / 8 {
		u.mounts = append(u.mounts, actors.Mount{Storage: 1, User: fmt.Sprint("user", i)})
	}
	parts := u.parts()
	require.Len(t, parts, 1)
	payload, err := encode([]byte("key"), envelope{}, message{Kind: rows, Node: "a", Sequence: 1, Mounts: &parts[0]})
	require.NoError(t, err)
	require.Less(t, len(payload), 1000)
	m, _, err := decode([]byte("key"), payload)
	require.NoError(t, err)
	require.True(t, m.Mounts.Failed)
	require.Equal(t, []uint64{1}, m.Mounts.Storages)
	require.Len(t, parts[0].Rows, 1, "they are left out of the message alone")
}

// The largest beat, and the largest question, are looked at.
func TestLargestBeat(t *testing.T) {
	stats := actors.Stats{TotalConnections: math.MaxUint64}
	m := message{Kind: beat, Stats: &stats, Users: map[string]int{}, Attached: []byte(`"` + strings.Repeat("a", maxAttached-2) + `"`)}
	for i := range maxUsers {
		m.Users[fmt.Sprint(strings.Repeat("\x01", 250), i)] = math.MaxInt32
	}
	payload, err := encode([]byte("key"), envelope{}, m)
	require.NoError(t, err)
	require.LessOrEqual(t, len(payload), maxMessage)
	question := message{Kind: askMounts, Mounts: &mountsMessage{Reader: strings.Repeat("a", maxName)}}
	for range maxAsked {
		question.Mounts.Storages = append(question.Mounts.Storages, math.MaxInt64)
	}
	payload, err = encode([]byte("key"), envelope{}, question)
	require.NoError(t, err)
	require.LessOrEqual(t, len(payload), 32<<10)
}

// What a node takes of mounts that others send is whole, or an error; nothing in it is out of its bounds.
func FuzzMounts(f *testing.F) {
	key := []byte("key")
	f.Add(`{"storages":[1],"began":{"a":1},"took":1,"rows":[{"storage":1,"users":["alice"]}]}`)
	f.Add(`{"storages":[1],"reader":"a","again":true}`)
	f.Add(`{"storages":[-1],"took":-1}`)
	f.Fuzz(func(t *testing.T, mounts string) {
		body := fmt.Sprintf(`{"kind":"mounts","node":"a","sequence":1,"mounts":%s}`, mounts)
		payload, err := sealBody(key, envelope{}, []byte(body))
		if err != nil {
			t.Skip()
		}
		m, _, err := decode(key, payload)
		if err != nil {
			return
		}
		if m.Kind == rows && (m.Mounts == nil || len(m.Mounts.Storages) > maxAsked || m.Mounts.Took < 0 || len(m.Mounts.Began) > maxMembers) {
			t.Fatal("out of bounds")
		}
		if m.Mounts != nil {
			_ = m.Mounts.mounts()
		}
	})
}

// What docs/fleet.md says of rows.
func TestSizeOfRows(t *testing.T) {
	u := unpublished{mountsMessage: mountsMessage{Storages: []uint64{1}, Began: map[string]time.Duration{"0123456789abcdef": time.Hour}}}
	const users = 1000
	for i := range users {
		u.mounts = append(u.mounts, actors.Mount{Storage: 1, User: fmt.Sprintf("alice.of.wonderland%d", i)})
	}
	payload, err := encode([]byte("key"), envelope{}, message{Kind: rows, Mounts: &u.parts()[0]})
	require.NoError(t, err)
	require.InDelta(t, 25, float64(len(payload))/users, 5)
}
