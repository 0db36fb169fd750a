package test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
)

// TestFaultsRestart restarts the server while clients of as many users are connected, who all come back
// at once, as they do.
func TestFaultsRestart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		signal syscall.Signal
		code   websocket.StatusCode // that clients receive
		logins int                  // that may reach Nextcloud, in percent of the clients
	}{
		{"asked to end", syscall.SIGTERM, websocket.StatusServiceRestart, 1},
		{"killed", syscall.SIGKILL, -1, 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			clients := scale(300, 5000)
			s := newSite(t)
			config := filepath.Join(t.TempDir(), "config.php")
			require.NoError(t, os.WriteFile(config, []byte(`<?php $CONFIG = ['secret' => 'of this instance'];`), 0o600))
			words := []string{config, "AUTH_CONCURRENCY=8", noRecheck}
			p := s.launch(words...)
			p.awaitServing()
			s.cloud.Behave(nextcloud.Behaviour{Delay: 5 * time.Millisecond})
			c := p.crowd(clients, 0)
			require.Equal(t, map[websocket.StatusCode]int{}, c.codes())

			asked := len(s.asked("uid"))
			require.Equal(t, clients, asked)
			s.cloud.ResetStats()
			began := time.Now()
			p.signal(test.signal)
			p.awaitExit()
			ended := time.Since(began)
			next := &pushServer{t: t, site: s, output: p.output, port: p.port, metricsPort: p.metricsPort}
			next.run(t.TempDir(), append([]string{
				fmt.Sprintf("PORT=%d", p.port), fmt.Sprintf("METRICS_PORT=%d", p.metricsPort), "BIND=127.0.0.1",
				"REDIS_URL=" + s.redis.URL(), "DATABASE_URL=" + s.database, "NEXTCLOUD_URL=" + s.url + "/",
			}, words...)...)
			next.await("all are back", func() bool { return c.logins() == 2*clients })
			t.Logf("toll: %d clients, ended in %v, all back after %v; %d logins reached Nextcloud, %d at once",
				clients, ended.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), len(s.asked("uid"))-asked, s.cloud.Stats().MostInFlight)
			require.Equal(t, map[websocket.StatusCode]int{test.code: clients}, c.codes())
			require.LessOrEqual(t, len(s.asked("uid"))-asked, clients*test.logins/100)
			require.LessOrEqual(t, s.cloud.Stats().MostInFlight, 8)
		})
	}
}

// crowd are clients of a user each, who come back whenever their connection ends.
type crowd struct {
	url  string
	stay time.Duration // for how long a client stays on average; 0 is for ever

	mu      sync.Mutex
	entered int
	ended   map[websocket.StatusCode]int
}

// crowd returns when all clients are logged in for the first time.
func (p *pushServer) crowd(clients int, stay time.Duration) *crowd {
	p.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	c := &crowd{url: "ws://" + p.address() + "/ws", stay: stay, ended: map[websocket.StatusCode]int{}}
	var running sync.WaitGroup
	for i := range clients {
		user := fmt.Sprint("user", i)
		p.site.addUser(user)
		running.Go(func() { c.live(ctx, user) })
	}
	p.t.Cleanup(func() {
		stop()
		running.Wait()
	})
	p.await("everybody is logged in", func() bool { return c.logins() >= clients })
	return c
}

func (c *crowd) live(ctx context.Context, user string) {
	for ctx.Err() == nil {
		code, entered := c.connect(ctx, user)
		if entered && ctx.Err() == nil {
			c.mu.Lock()
			c.ended[code]++
			c.mu.Unlock()
		}
		select { // as long as nobody listens
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// connect stays as long as the connection does.
func (c *crowd) connect(ctx context.Context, user string) (code websocket.StatusCode, entered bool) {
	if c.stay > 0 {
		within, cancel := context.WithTimeout(ctx, c.stay/2+rand.N(c.stay))
		defer cancel()
		ctx = within
	}
	ws, _, err := websocket.Dial(ctx, c.url, nil)
	if err != nil {
		return 0, false
	}
	defer func() { _ = ws.CloseNow() }()
	for _, text := range []string{user, passwordOf(user)} {
		if ws.Write(ctx, websocket.MessageText, []byte(text)) != nil {
			return 0, false
		}
	}
	for {
		_, message, err := ws.Read(ctx)
		if err != nil {
			return websocket.CloseStatus(err), entered
		}
		if !entered && string(message) == "authenticated" {
			entered = true
			c.mu.Lock()
			c.entered++
			c.mu.Unlock()
		}
	}
}

func (c *crowd) logins() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entered
}

// codes returns with what code how many connections of logged-in clients have ended.
func (c *crowd) codes() map[websocket.StatusCode]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.ended)
}

// TestFaultsRestartEndsLogins restarts the server while many wait to be logged in: Nextcloud is not asked
// any more about who is sent away.
func TestFaultsRestartEndsLogins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.launch("AUTH_CONCURRENCY=1")
	p.awaitServing()
	c := p.crowd(200, 0) // who are let go over 2 s
	s.cloud.Behave(nextcloud.Behaviour{Delay: 100 * time.Millisecond})
	codes := make(chan websocket.StatusCode, 500)
	for i := range cap(codes) {
		s.addUser(fmt.Sprint("waiting", i))
		go func() {
			code, _ := c.connect(context.Background(), fmt.Sprint("waiting", i))
			codes <- code
		}()
	}
	p.await("some are in", func() bool { return len(s.asked("uid")) > 205 })
	p.signal(syscall.SIGTERM)
	p.awaitPortClosed()
	asked := len(s.asked("uid"))
	p.awaitExit()
	require.LessOrEqual(t, len(s.asked("uid"))-asked, 10, "of those who wait")
	for range cap(codes) {
		<-codes
	}
}

// TestFaultsRestartOfRedisToo restarts Redis at the same time: the logins are left there when it is back.
func TestFaultsRestartOfRedisToo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := filepath.Join(t.TempDir(), "config.php")
	require.NoError(t, os.WriteFile(config, []byte(`<?php $CONFIG = ['secret' => 'of this instance'];`), 0o600))
	p := s.launch(config)
	p.awaitServing()
	p.crowd(300, 0) // who are let go over 3 s
	s.redis.Kill()
	p.signal(syscall.SIGTERM)
	p.awaitLog("lost connection to redis")
	s.redis.Start()
	p.awaitExit()
	left, err := redis.Strings(s.redis.Do("", "KEYS", "notify_push_logins_*"), nil)
	require.NoError(t, err)
	require.Len(t, left, 1)
}
