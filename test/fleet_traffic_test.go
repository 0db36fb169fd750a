package test

import (
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// TestFleetTraffic measures what the channel takes: of three daemons at rest, and while files change in 200 storages with ten users
// each. How many storages share a message depends on how busy the machine is; what never happens is that a reading costs more than
// a question of each server that does not read, and an answer.
func TestFleetTraffic(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	const storages, users = 200, 10
	s := newSite(t)
	nodes := s.fleet(3)
	for storage := range storages {
		for i := range users {
			s.mounts.Mount(uint64(storage+1), passwordOf(string(rune('a'+i))), "files")
		}
	}
	for _, p := range nodes {
		p.awaitSubscription()
	}
	const seconds = 10
	messages, bytes := listenToFleet(t, s.redis, seconds*time.Second, func() {})
	t.Logf("toll: at rest, %.1f messages and %d bytes a second of each daemon", float64(messages)/seconds/3, bytes/seconds/3)
	require.LessOrEqual(t, messages, 3*(seconds+2), "a beat a second of each")
	require.Greater(t, messages, 3*seconds/2, "and fewer where a machine has no time")
	require.Less(t, bytes/messages, 1500)
	messages, bytes = listenToFleet(t, s.redis, seconds*time.Second, func() {
		for storage := range storages {
			s.publishAtOnce(fileEvent(uint64(storage+1), "files/a", 1))
			time.Sleep(20 * time.Millisecond)
		}
	})
	t.Logf("toll: %d storages read twice, %.2f messages and %d bytes each", storages, float64(messages-3*seconds)/storages, bytes/storages)
	const readings, messagesOfAReading = 2, 3
	require.LessOrEqual(t, messages-3*seconds, readings*messagesOfAReading*storages, "beside the beats")
}

// listenToFleet counts messages and bytes on the channel for a time, in which something happens.
func listenToFleet(t *testing.T, server *storagetest.RedisServer, d time.Duration, happens func()) (messages, bytes int) {
	t.Helper()
	conn, err := redis.Dial("unix", server.Socket)
	require.NoError(t, err)
	defer conn.Close()
	subscription := redis.PubSubConn{Conn: conn}
	require.NoError(t, subscription.Subscribe("notify_push_fleet"))
	_ = subscription.Receive()
	end := time.Now().Add(d)
	done := make(chan struct{})
	go func() { defer close(done); happens() }()
	for time.Until(end) > 0 {
		if m, ok := subscription.ReceiveWithTimeout(time.Until(end)).(redis.Message); ok {
			messages, bytes = messages+1, bytes+len(m.Data)
		}
	}
	<-done
	return messages, bytes
}
