package storage

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// What one node publishes reaches the clients of all.
func TestPublishEventReachesAllNodes(t *testing.T) {
	server := storagetest.Redis(t)
	var clients []*actorstest.Socket
	var redis *Redis
	for range 2 {
		redis = newRedis(t, RedisOptions{Addresses: []string{server.URL()}})
		system, err := actors.New(actors.Ports{Verifier: &actorstest.Verifier{}, Events: redis}, actors.Options{NoDebounce: true, NoResync: true})
		require.NoError(t, err)
		system.Start()
		t.Cleanup(func() { require.NoError(t, system.Shutdown(context.Background())) })
		require.NoError(t, system.Ready(t.Context()))
		clients = append(clients, (&actorstest.Kit{System: system}).Connect(t, "alice"))
	}
	nodes, err := redis.PublishEvent(t.Context(), actors.Custom{User: "alice", Text: "hello"})
	require.NoError(t, err)
	require.Equal(t, 2, nodes)
	for _, client := range clients {
		client.AwaitTexts(t, "authenticated", "hello")
	}
	_, err = redis.PublishEvent(t.Context(), actors.Custom{Text: "for whom?"})
	require.ErrorContains(t, err, "no user is named")
}
