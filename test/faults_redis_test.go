package test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

func TestFaultsRedisIsKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.serveAtOnce().follow()
	s.redis.Kill()
	time.Sleep(span(time.Second, time.Minute))
	s.redis.Start()
	r.faultIsOver()
	r.awaitResync()
	cost := r.finish()
	cost.requireOnlyUnheard(t)
	require.NotZero(t, cost.unheard)
	require.Less(t, cost.recovery, 10*time.Second)
	require.LessOrEqual(t, strings.Count(r.server.output.String(), "connection refused"), 2, "one line a minute while it is away")
}

func TestFaultsRedisIsPaused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.serveAtOnce().follow()
	s.redis.Pause()
	time.Sleep(2 * time.Second)
	s.redis.Resume()
	r.faultIsOver()
	r.finish().requireNothingLost(t)
}

// TestFaultsRedisConnectionIsHalfOpen has the network swallow everything between the server and Redis.
func TestFaultsRedisConnectionIsHalfOpen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	network := storagetest.NewProxy(t, s.redis.Addr())
	r := s.serveAtOnce("REDIS_URL=redis://" + network.Addr()).follow()
	network.Stall()
	began := time.Now()
	r.server.awaitLog("lost connection to redis")
	require.Less(t, time.Since(began), 20*time.Second+patience/10)
	network.Cut()
	network.Resume()
	r.faultIsOver()
	r.awaitResync()
	cost := r.finish()
	// Redis took the dead connection for a subscriber.
	require.Zero(t, cost.duplicates)
	require.Zero(t, cost.disordered)
}

func TestFaultsRedisConnectionIsCutAndSlow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	network := storagetest.NewProxy(t, s.redis.Addr())
	r := s.serveAtOnce("REDIS_URL=redis://" + network.Addr()).follow()
	network.Delay(200 * time.Millisecond)
	r.awaitNext()
	network.Delay(0)
	network.Cut()
	time.Sleep(time.Second)
	network.Resume()
	r.faultIsOver()
	r.awaitResync()
	cost := r.finish()
	require.Zero(t, cost.duplicates)
	require.Zero(t, cost.disordered)
	require.Less(t, cost.recovery, 10*time.Second)
}

// TestFaultsClusterNodeIsKilled takes away the node that carries the subscription.
func TestFaultsClusterNodeIsKilled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	nodes := storagetest.RedisCluster(t)
	var urls []string
	for _, n := range nodes {
		urls = append(urls, n.URL())
	}
	p := s.launch("REDIS_URL=" + strings.Join(urls, ","))
	p.await("it is ready", p.ready)
	carrier := -1
	for i, n := range nodes {
		reply, _ := redis.Values(n.Do("", "PUBSUB", "NUMSUB", "notify_custom"), nil)
		if reply[1].(int64) > 0 {
			carrier = i
		}
	}
	require.GreaterOrEqual(t, carrier, 0)
	survivor := nodes[(carrier+1)%len(nodes)]
	r := p.followBy(func(payload string) (int, error) {
		_, err := redisDo(survivor.Socket, "PUBLISH", "notify_custom", payload)
		return 1, err // how many hear it at other nodes, Redis doesn't tell
	})
	nodes[carrier].Kill()
	r.faultIsOver() // for there are two others
	r.awaitNext()
	nodes[carrier].Start()
	r.awaitResync()
	cost := r.finish()
	require.Zero(t, cost.duplicates)
	require.Zero(t, cost.disordered)
	require.Less(t, cost.recovery, 10*time.Second)
}

// TestFaultsRedisRefuses has a Redis that answers, but not as wanted: no answer of that kind is taken
// for a subscription, and each is named and tried again.
func TestFaultsRedisRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.redis.Do("", "ACL", "SETUSER", "push", "on", ">open-sesame", "~*", "+@all", "resetchannels")
	p := s.launch(fmt.Sprintf("REDIS_URL=redis://push:open-sesame@%s", s.redis.Addr()))
	refusal := func(step, reply string) {
		t.Helper()
		p.await(reply+" is logged", func() bool {
			_, reasons := p.readiness()
			return strings.Contains(reasons["redis"], step) && strings.Contains(reasons["redis"], reply)
		})
	}
	refusal("SUBSCRIBE", "NOPERM")
	s.redis.Do("", "ACL", "SETUSER", "push", "&notify_*", "-subscribe")
	refusal("SUBSCRIBE", "NOPERM")
	s.redis.Do("", "ACL", "SETUSER", "push", "resetpass", ">other")
	refusal("AUTH", "WRONGPASS")
	s.redis.Do("", "ACL", "SETUSER", "push", "resetpass", ">open-sesame", "+subscribe")
	p.await("it is ready", p.ready)
	r := p.follow()

	// What is taken away later is asked for again later.
	r.betweenEvents(func() { s.redis.Do("", "ACL", "SETUSER", "push", "resetchannels") }) // Redis ends the subscription for that
	refusal("SUBSCRIBE", "NOPERM")
	s.redis.Do("", "ACL", "SETUSER", "push", "allchannels")
	r.faultIsOver()
	r.awaitResync()
	r.finish().requireOnlyUnheard(t)
	p.requireNoSecrets("open-sesame")
}

// TestFaultsRedisIsLoading starts with a Redis that is busy reading its data.
func TestFaultsRedisIsLoading(t *testing.T) {
	t.Parallel()
	serverCommand(t) // or Redis would be ready before the binary is built
	s := newSite(t, "--key-load-delay", "1000" /* µs */, "--loading-process-events-interval-bytes", "1024")
	conn, err := redis.Dial("unix", s.redis.Socket)
	require.NoError(t, err)
	defer conn.Close()
	for i := range 2000 {
		require.NoError(t, conn.Send("SET", fmt.Sprint("key", i), strings.Repeat("x", 100)))
	}
	_, err = conn.Do("SAVE")
	require.NoError(t, err)
	s.redis.Kill()
	s.redis.Start()
	p := s.launch("REDIS_URL=redis://" + s.redis.Addr() + "/1")
	loading := false
	p.await("it is ready", func() bool {
		_, err := redis.String(redisDo(s.redis.Socket, "GET", "key0"))
		var refused redis.Error
		loading = loading || errors.As(err, &refused) && strings.HasPrefix(string(refused), "LOADING")
		return err == nil && p.ready()
	})
	require.True(t, loading)
	r := p.follow()
	r.finish().requireOnlyUnheard(t)
}

func redisDo(socket, command string, arguments ...any) (any, error) {
	conn, err := redis.Dial("unix", socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.Do(command, arguments...)
}
