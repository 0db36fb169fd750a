package loadtest

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEventsAreWhatTheAppPublishes(t *testing.T) {
	for _, test := range []struct {
		event         event
		channel, want string
	}{
		{event{kind: Custom, user: 7, to: 8, sequence: 3}, "notify_custom", `{"user":"load000007","message":"loadtest 8 2 3 99"}`},
		{event{kind: Custom, user: 7, padding: 3}, "notify_custom", `{"user":"load000007","message":"loadtest 0 2 0 99 xxx"}`},
		{event{kind: Activity, user: 7}, "notify_activity", `{"user":"load000007"}`},
		{event{kind: Notification, user: 7}, "notify_notification", `{"user":"load000007"}`},
		{event{kind: File, storage: 1, to: 8, serial: 7}, "notify_storage_update", `{"storage":1,"path":"files/shared/load.txt","file_id":212600889351}`},
	} {
		payload := test.event.append(nil, 2, 99)
		require.True(t, json.Valid(payload))
		require.Equal(t, test.want, string(payload))
		require.Equal(t, test.channel, test.event.channel())
	}
}

func TestStreamSpreadsKindsAndUsers(t *testing.T) {
	b := &bench{scenario: Scenario{PerUser: 2}, connected: 7, stalled: 1}
	p := Publish{Kinds: []Kind{Custom, Activity}, Events: 16}
	stream, expected := p.stream(b)
	perUser := map[int32]map[Kind]int{}
	sequences := map[int32]uint32{}
	for i := range stream.events {
		e := stream.next(i)
		if perUser[e.user] == nil {
			perUser[e.user] = map[Kind]int{}
		}
		perUser[e.user][e.kind]++
		if e.kind == Custom {
			require.Equal(t, sequences[e.user], e.sequence)
			sequences[e.user]++
		}
	}
	require.Len(t, perUser, 4, "7 clients are of 4 users")
	for user, kinds := range perUser {
		require.Equal(t, map[Kind]int{Custom: 2, Activity: 2}, kinds, user)
	}
	// Of the users' clients one does not read, and the last user has only one.
	require.Equal(t, 4*(1+2+2+1), expected)
}
