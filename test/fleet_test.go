package test

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// noRecheck is for daemons whose questions to Nextcloud are counted: it is asked about logins from memory later, at a random moment.
const noRecheck = "AUTH_RECHECK=1000h"

// fleet starts several daemons of one Nextcloud, and waits until each knows all others.
func (s *site) fleet(n int, words ...string) (nodes []*pushServer) {
	config := s.writeConfig("'secret' => 'secret of this Nextcloud',")
	for range n {
		p := s.start(append([]string{config, "LOG=info", "DEBOUNCE_DISABLE=1", noRecheck}, words...)...)
		p.awaitServing()
		nodes = append(nodes, p)
	}
	for _, p := range nodes {
		p.await("it knows the others", func() bool {
			return strings.Count(p.output.String(), "fleet: a node joined") >= n-1
		})
	}
	return nodes
}

// TestFleetSharesLogins has clients move between daemons while Nextcloud cannot be asked: to another one, to one that
// has just started, and away from one that was killed.
func TestFleetSharesLogins(t *testing.T) {
	onlyHere(t)
	s := newSite(t)
	const users = 100
	name := func(i int) string { return fmt.Sprint("user", i) }
	for i := range users {
		s.addUser(name(i))
	}
	nodes := s.fleet(3)
	for i := range users {
		nodes[i%3].login(name(i))
	}
	require.Len(t, s.asked("uid"), users)
	s.cloud.Behave(nextcloud.Behaviour{Fault: nextcloud.FaultError})

	nodes[0].terminate()
	config := s.writeConfig("'secret' => 'secret of this Nextcloud',")
	restarted := s.start(config, "LOG=info", noRecheck)
	restarted.awaitServing()
	for i := range users {
		restarted.login(name(i))
	}
	require.NoError(t, nodes[1].cmd.Process.Signal(syscall.SIGKILL))
	<-nodes[1].exited
	for i := range users {
		nodes[2].login(name(i))
	}
	require.Len(t, s.asked("uid"), users)
	for _, guess := range []string{"wrong", passwordOf("bob"), ""} {
		require.NotEqual(t, "authenticated", nodes[2].loginRefused("user1", guess))
	}
	require.Empty(t, s.leftInRedis(), "the others know the logins")
	restarted.await("it misses the one that was killed", func() bool {
		return strings.Contains(restarted.output.String(), "fleet: lost a node")
	})
}

// TestFleetEndsTogether has all daemons stop at once: the next one knows who was connected.
func TestFleetEndsTogether(t *testing.T) {
	onlyHere(t)
	s := newSite(t)
	nodes := s.fleet(2)
	nodes[0].login("alice")
	nodes[1].login("bob")
	for _, p := range nodes {
		p.signal(syscall.SIGTERM)
	}
	for _, p := range nodes {
		p.awaitExit()
	}
	s.cloud.Behave(nextcloud.Behaviour{Fault: nextcloud.FaultError})
	next := s.start(s.writeConfig("'secret' => 'secret of this Nextcloud',"), "LOG=info")
	next.awaitServing()
	next.login("alice")
	next.login("bob")
}

// TestFleetUsesATokenOnce has several daemons be given the same token at once.
func TestFleetUsesATokenOnce(t *testing.T) {
	onlyHere(t)
	s := newSite(t)
	nodes := s.fleet(3)
	for i := range 20 {
		token := fmt.Sprint("token", i)
		clients := make([]*pushClient, len(nodes))
		for i, p := range nodes {
			clients[i] = p.dial("/ws")
		}
		require.Equal(t, len(nodes), s.publish("notify_pre_auth", fmt.Sprintf(`{"user":"alice","token":%q}`, token)))
		admitted := 0
		for _, c := range clients {
			c.say("", token)
		}
		for _, c := range clients {
			if text := c.hear(); text == "authenticated" {
				admitted++
			} else {
				require.Equal(t, "err: Invalid credentials", text)
			}
		}
		require.Equal(t, 1, admitted)
	}
}

// TestFleetCountsTogether has `occ notify_push:metrics` show the sums of all daemons, whoever answers.
func TestFleetCountsTogether(t *testing.T) {
	onlyHere(t)
	s := newSite(t)
	nodes := s.fleet(3)
	for i, p := range nodes {
		for range i + 1 {
			p.login("alice")
		}
	}
	nodes[0].await("the counters are the sums", func() bool {
		return s.counters().Active == 6
	})
}

// TestFleetIsOff has a daemon that is told so, or that does not know Nextcloud's secret, be alone.
func TestFleetIsOff(t *testing.T) {
	onlyHere(t)
	s := newSite(t)
	s.start(s.writeConfig("'secret' => 'secret of this Nextcloud',"), "--no-fleet").awaitServing()
	s.serve()
	reply := s.redis.Do("", "PUBSUB", "NUMSUB", "notify_push_fleet").([]any)
	require.EqualValues(t, 0, reply[1])
}

// behindProxy starts one more daemon, with a bad network between it and Redis, and waits until the others know it.
func (s *site) behindProxy(nodes []*pushServer, words ...string) (*pushServer, *storagetest.Proxy) {
	proxy := storagetest.NewProxy(s.t, s.redis.Addr())
	config := s.writeConfig("'secret' => 'secret of this Nextcloud',")
	p := s.start(append([]string{config, "REDIS_URL=redis://" + proxy.Addr(), "LOG=info", "DEBOUNCE_DISABLE=1"}, words...)...)
	p.awaitServing()
	p.await("it knows the others", func() bool {
		return strings.Count(p.output.String(), "fleet: a node joined") >= len(nodes)
	})
	return p, proxy
}

// TestDeafNodeMovesItsClients has one of three daemons be unable to subscribe at Redis, while it can publish.
func TestDeafNodeMovesItsClients(t *testing.T) {
	onlyHere(t)
	s := newSite(t)
	nodes := s.fleet(2)
	p, proxy := s.behindProxy(nodes)
	alice := p.login("alice")
	bob := nodes[0].login("bob")
	proxy.CutSubscriptions()
	require.Equal(t, websocket.StatusServiceRestart, alice.closed())
	require.Contains(t, p.newcomers(), "deaf")
	_, response, err := websocket.Dial(t.Context(), "ws://"+p.address()+"/ws", nil)
	require.Error(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	alice = nodes[0].login("alice")
	require.Len(t, s.asked("uid"), 2, "the other one knows her")
	s.publishAtOnce(customEvent("alice", "here"), customEvent("bob", "here"))
	alice.expect("here")
	bob.expect("here")
	for _, other := range nodes {
		require.Empty(t, other.newcomers())
	}

	proxy.Resume()
	p.await("newcomers are taken", func() bool { return len(p.newcomers()) == 0 })
	alice = p.login("alice")
	p.await("it hears again", p.ready)
	s.publishAtOnce(customEvent("alice", "back"))
	alice.expect("back")
}

// TestCutOffNodeMovesItsClients has one of three daemons be cut off from Redis altogether: it asks the others over HTTP.
func TestCutOffNodeMovesItsClients(t *testing.T) {
	onlyHere(t)
	s := newSite(t)
	nodes := s.fleet(2)
	p, proxy := s.behindProxy(nodes)
	alice := p.login("alice")
	proxy.Cut()
	require.Equal(t, websocket.StatusServiceRestart, alice.closed())
	require.Contains(t, p.newcomers(), "deaf")
	alice = nodes[0].login("alice")
	s.publishAtOnce(customEvent("alice", "here"))
	alice.expect("here")
	require.Equal(t, http.StatusServiceUnavailable, p.request(http.MethodGet, "/fleet/hears?question=x").status)
	require.Equal(t, http.StatusOK, nodes[0].request(http.MethodGet, "/fleet/hears?question=x").status)
	proxy.Resume()
	p.await("newcomers are taken", func() bool { return len(p.newcomers()) == 0 })
	p.login("alice")
}

// TestAllNodesKeepTheirClients has Redis be away for all: nobody would find a better place.
func TestAllNodesKeepTheirClients(t *testing.T) {
	onlyHere(t)
	s := newSite(t)
	nodes := s.fleet(3)
	for _, p := range nodes {
		p.login("alice")
	}
	s.redis.Kill()
	time.Sleep(15 * time.Second) // longer than a node takes that is deaf alone
	for _, p := range nodes {
		require.False(t, p.ready())
		require.Empty(t, p.newcomers())
		require.EqualValues(t, 1, p.metric("notify_push_connections"))
	}
	s.redis.Start()
	for _, p := range nodes {
		p.await("it hears again", p.ready)
		require.Empty(t, p.newcomers())
	}
}
