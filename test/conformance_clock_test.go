package test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/notifypush/notifypush/transport/frame"
)

// What the protocol says about seconds, in real time. The bounds hold on however slow a machine: what may not be too early is measured from
// before its cause, and what may not be too late only has to come.

// pinged is a client that notes the pings of the daemon.
type pinged struct {
	*pushClient
	mu    sync.Mutex
	pings []ping
}

type ping struct {
	at      time.Time
	payload string
}

// loginPinged logs a user in with a client that answers a ping only where answer says so.
func loginPinged(t *testing.T, p *pushServer, user string, answer func(c *pushClient, payload []byte) bool) *pinged {
	c := &pinged{}
	e := endpoint{network: "tcp", address: p.address(), url: "ws://" + p.address() + "/ws"}
	ready := make(chan struct{})
	e.options.OnPingReceived = func(_ context.Context, payload []byte) bool {
		<-ready
		c.mu.Lock()
		c.pings = append(c.pings, ping{time.Now(), string(payload)})
		c.mu.Unlock()
		return answer(c.pushClient, payload)
	}
	c.pushClient, _ = dialEndpoint(t, e)
	close(ready)
	c.logIn(user, passwordOf(user))
	return c
}

func (c *pinged) received() []ping {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pings
}

func TestConformanceTimeouts(t *testing.T) {
	t.Parallel()
	const loginTimeout, heartbeat = 15 * time.Second, 30 * time.Second
	s := newSite(t)
	p := s.serve()
	subscriber := func() string {
		list, err := redis.String(s.redis.Do("", "CLIENT", "LIST", "TYPE", "pubsub"), nil)
		require.NoError(t, err)
		return list
	}
	require.NotContains(t, subscriber(), "cmd=ping")

	yes := func(*pushClient, []byte) bool { return true }
	healthy, addressed := loginPinged(t, p, "alice", yes), loginPinged(t, p, "bob", yes)
	dead := loginPinged(t, p, "alice", func(*pushClient, []byte) bool { return false })
	wrong := loginPinged(t, p, "alice", func(c *pushClient, payload []byte) bool {
		c.sendRaw(testkit.ClientFrame(testkit.Final|byte(frame.Pong), strings.ToUpper(fmt.Sprintf("%x", payload))[:4]))
		return false
	})
	sent := time.Now()
	s.publishAtOnce(customEvent("alice", "the last for some time"), event{"notify_pre_auth", `{"user":"alice","token":"ticket"}`})
	for _, c := range []*pinged{healthy, dead, wrong} {
		c.expect("the last for some time")
	}
	silent, half := p.dial("/ws"), p.dial("/ws")
	half.say("alice")
	halfway := p.dialRaw("GET /ws HTTP/1.1\r\nHost: push")

	for _, c := range []*pushClient{silent, half} {
		timeout := c.next()
		require.Equal(t, "Authentication timeout", timeout.text)
		require.GreaterOrEqual(t, timeout.at.Sub(sent), loginTimeout)
		require.EqualValues(t, -1, c.closed(), "no close frame before authenticated")
	}
	if isOurs() {
		require.EqualValues(t, 2, p.metric(closedCounter(actors.LoginTimeout)))
		p.awaitLog(actors.LoginTimeout.String())
		halfway.expectEnd() // sockets that never finish a handshake are gone
	}
	text := p.loginRefused("", "ticket")
	require.Equal(t, "err: Invalid credentials", text, "the token is too old")
	p.await("it sends a PING to Redis", func() bool { return strings.Contains(subscriber(), "cmd=ping") })
	between := time.Now()
	s.publishAtOnce(customEvent("bob", "in between"))
	addressed.expect("in between")

	wrongCode := wrong.closed()
	require.GreaterOrEqual(t, time.Since(sent), heartbeat)
	require.Len(t, wrong.received(), 1)
	deadCode := dead.closed()
	require.GreaterOrEqual(t, time.Since(sent), 2*heartbeat)
	if isOurs() {
		require.Equal(t, websocket.StatusPolicyViolation, wrongCode)
		require.Equal(t, websocket.StatusPolicyViolation, deadCode)
	}
	require.GreaterOrEqual(t, healthy.received()[0].at.Sub(sent), heartbeat)
	require.GreaterOrEqual(t, addressed.received()[0].at.Sub(between), heartbeat, "each message that is sent puts the ping off")
	for _, ping := range append(healthy.received(), addressed.received()...) {
		require.Len(t, ping.payload, 4)
	}
	require.NotEqual(t, healthy.received()[0].payload, wrong.received()[0].payload, "payloads are random")
	s.publishAtOnce(customEvent("alice", "still here"))
	healthy.expect("still here")
}

// TestConformanceMaxConnectionTime begins connections together, and sees them end some way apart.
func TestConformanceMaxConnectionTime(t *testing.T) {
	t.Parallel()
	const limit = 8 * time.Second
	p := newSite(t).serve("--max-connection-time", "8")
	began := time.Now()
	var clients []*pushClient
	for range 20 {
		clients = append(clients, p.login("alice"))
	}
	ends := make(chan time.Time)
	for _, c := range clients {
		go func() {
			for range c.heard { // nothing comes but the end
			}
			ends <- time.Now()
		}()
	}
	first := <-ends
	last := first
	for range len(clients) - 1 {
		last = <-ends
	}
	require.GreaterOrEqual(t, first.Sub(began), limit*3/4)
	if isOurs() {
		require.Greater(t, last.Sub(first), 500*time.Millisecond, "20 moments within two seconds that are so close are no accident")
		require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(clients[0].err))
	}
}
