package test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// TestFleetInACluster has three daemons at a Redis Cluster, which they know by one of its nodes: each subscribes at another one, and
// they know each other's logins, also those that are restarted.
func TestFleetInACluster(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	cluster := storagetest.RedisCluster(t)
	config := s.writeConfig(fmt.Sprintf("'secret' => 'of this one', 'redis.cluster' => array ('seeds' => array ('127.0.0.1:%d')),", cluster[0].Port))
	var nodes []*pushServer
	for range cluster {
		p := s.start(config, "LOG=info", "DEBOUNCE_DISABLE=1")
		p.awaitLog("subscribed to events")
		p.awaitLog("serving")
		nodes = append(nodes, p)
	}
	for _, redis := range cluster {
		for _, channel := range []string{"notify_activity", "notify_push_fleet"} {
			require.EqualValues(t, 1, redis.Do("", "PUBSUB", "NUMSUB", channel).([]any)[1], "%s at %s", channel, redis.URL())
		}
	}
	alice := nodes[0].login("alice")
	bob := nodes[1].login("bob")
	for i, redis := range cluster {
		redis.Do("", "PUBLISH", "notify_custom", fmt.Sprintf(`{"user":"alice","message":"%d"}`, i))
		redis.Do("", "PUBLISH", "notify_custom", fmt.Sprintf(`{"user":"bob","message":"%d"}`, i))
		alice.expect(fmt.Sprint(i))
		bob.expect(fmt.Sprint(i))
	}
	s.cloud.Behave(nextcloud.Behaviour{Fault: nextcloud.FaultError})
	nodes[2].login("alice")
	nodes[0].terminate()
	restarted := s.start(config, "LOG=info")
	restarted.awaitLog("serving")
	restarted.login("alice")
	restarted.login("bob")
}
