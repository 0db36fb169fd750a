package loadtest

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/loadtest/internal/wire"
)

func TestStreamSpreadsKindsAndUsers(t *testing.T) {
	e := &execution{scenario: Scenario{PerUser: 2}, connected: 7, notReading: 1}
	p := Publish{Kinds: []Kind{Custom, Activity}, Events: 16}
	stream := p.stream(e)
	perUser := map[int32]map[Kind]int{}
	sequences := map[int32]uint32{}
	for i := range stream.events {
		event := stream.next(i)
		if perUser[event.User] == nil {
			perUser[event.User] = map[Kind]int{}
		}
		perUser[event.User][Kind(event.Kind)]++
		if event.Kind == wire.Custom {
			require.Equal(t, sequences[event.User], event.Sequence)
			sequences[event.User]++
		}
	}
	require.Len(t, perUser, 4, "7 clients are of 4 users")
	for user, kinds := range perUser {
		require.Equal(t, map[Kind]int{Custom: 2, Activity: 2}, kinds, user)
	}
	// Of the users' clients one does not read, and the last user has only one.
	require.Equal(t, 4*(1+2+2+1), stream.expected(0, stream.events))
}

func TestPublishingToASilentRedisCanBeStopped(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 1))
		cancel()
		_, _ = io.Copy(io.Discard, conn)
	}()
	conn, err := wire.DialRedis("redis://" + listener.Addr().String())
	require.NoError(t, err)
	p := Publish{Events: 5}
	stream := p.stream(&execution{scenario: Scenario{PerUser: 1}, connected: 1})
	_, err = (&publisher{redis: conn}).run(ctx, stream)
	require.ErrorIs(t, err, context.Canceled)
}
