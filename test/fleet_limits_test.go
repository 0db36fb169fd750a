package test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/stretchr/testify/require"
)

// twoBeats is after how long every daemon knows what all have.
const twoBeats = 2500 * time.Millisecond

// TestFleetLimitsConnections has a user connect to three daemons, who may have 12 connections.
func TestFleetLimitsConnections(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	nodes := s.fleet(3, "MAX_CONNECTIONS_PER_USER=12")
	var clients []*pushClient
	for range 4 {
		for _, p := range nodes {
			clients = append(clients, p.login("alice"))
		}
	}
	answer := func(p *pushServer) string {
		c := p.dial("/ws")
		c.say("alice", passwordOf("alice"))
		defer c.ws.CloseNow()
		return c.hear()
	}
	for _, p := range nodes {
		p.await("she is refused", func() bool { return answer(p) == "Connection limit exceeded for user" })
		p.login("bob")
	}
	require.NoError(t, clients[0].ws.Close(websocket.StatusNormalClosure, ""))
	nodes[1].await("she is let in", func() bool { return answer(nodes[1]) == "authenticated" })
}

// TestFleetCountsGuesses has somebody guess at three daemons, at each less often than one alone allows.
func TestFleetCountsGuesses(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	nodes := s.fleet(3)
	guesses := make([]*pushClient, 18)
	for i := range guesses {
		guesses[i] = nodes[i%3].dial("/ws", "X-Forwarded-For", "203.0.113.9")
	}
	for i, c := range guesses {
		c.say("alice", fmt.Sprint("guess ", i))
	}
	for _, c := range guesses {
		require.Equal(t, "err: Invalid credentials", c.hear())
	}
	for _, p := range nodes {
		p.await("further ones have to wait, some minutes after eighteen", func() bool {
			answer := p.request(http.MethodGet, "/ws", "X-Forwarded-For", "203.0.113.9", "Connection", "Upgrade", "Upgrade", "websocket",
				"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
			return answer.status == http.StatusTooManyRequests
		})
		other := p.dial("/ws", "X-Forwarded-For", "203.0.113.10")
		other.logIn("alice", passwordOf("alice"))
		require.EqualValues(t, 1, p.metric(`notify_push_connections_closed_total{reason="address_barred"}`))
	}
}

// TestFleetAsksForVersionsOnce has daemons start together, and one later.
func TestFleetAsksForVersionsOnce(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	config := s.writeConfig("'secret' => 'secret of this Nextcloud',")
	var nodes []*pushServer
	for range 3 {
		nodes = append(nodes, s.start(config, "LOG=info"))
	}
	var status struct {
		AppVersion string `json:"app_version"`
	}
	known := func(p *pushServer) {
		p.await("the version is known", func() bool {
			p.api("status", "", "", &status)
			return status.AppVersion == "1.4.0"
		})
	}
	for _, p := range nodes {
		p.awaitServing()
		known(p)
	}
	nodes = append(nodes, s.start(config, "LOG=info"))
	nodes[3].awaitServing()
	known(nodes[3])
	time.Sleep(time.Second)
	require.Len(t, s.asked("test/version"), 1)
}

// TestFleetIsListed has the status page of a daemon list the others.
func TestFleetIsListed(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	nodes := s.fleet(3)
	nodes[1].login("alice")
	nodes[0].await("it lists the others, with their connections", func() bool {
		text, status := nodes[0].ask("status")
		require.Zero(t, status, text)
		return len(regexp.MustCompile(`(?m)^server +\S+, version \S+, since .* ago, [01] clients$`).FindAllString(text, -1)) == 2 &&
			strings.Contains(text, " 1 clients\n")
	})
}

// TestFleetSharesLoginsInFlight has 300 clients of three daemons log in at once, of whom Nextcloud may be asked about nine at a time.
func TestFleetSharesLoginsInFlight(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	const most = 9
	s := newSite(t)
	nodes := s.fleet(3, fmt.Sprint("AUTH_CONCURRENCY=", most))
	time.Sleep(twoBeats)
	s.cloud.Behave(nextcloud.Behaviour{Delay: 50 * time.Millisecond})
	s.cloud.ResetStats()
	began := time.Now()
	s.roundRobin(nodes).crowd(300, 0)
	t.Logf("toll: 300 logins in %v, %d at once", time.Since(began).Round(time.Millisecond), s.cloud.Stats().MostInFlight)
	require.LessOrEqual(t, s.cloud.Stats().MostInFlight, most)
	require.Len(t, s.asked("uid"), 300)
}
