package cli

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/actors/fleet"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// TestForeignNextcloudInACluster has the servers of two Nextclouds at two nodes of a cluster, which has no databases, and whose nodes
// count their own subscribers alone.
func TestForeignNextcloudInACluster(t *testing.T) {
	nodes := storagetest.RedisCluster(t)
	settings := func(instance string, node int) (s config.Settings) {
		s.Instance = config.Instance{ID: instance, Secret: actors.Secret("secret of " + instance)}
		s.Redis = storage.RedisOptions{Cluster: true, Addresses: []string{nodes[node].URL()}}
		return s
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for node, instance := range []string{"ocfirst", "ocsecond"} {
		s := settings(instance, node)
		redis, err := storage.NewRedis(s.Redis)
		require.NoError(t, err)
		defer redis.Close()
		f, err := fleet.New(redis, fleetOptions(s, redis))
		require.NoError(t, err)
		f.EventsHeard("")
		system := actorstest.Start(t, nil).System
		running.Go(func() { f.Run(ctx, system) })
	}
	var found finding
	require.Eventually(t, func() bool {
		probeForeign(t.Context(), settings("ocfirst", 2), func(f finding) { found = f })
		return found.Status == red
	}, stepTimeout*4, stepTimeout/50)
	require.Contains(t, found.Detail, "instanceid ocsecond")
}
