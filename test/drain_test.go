package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"syscall"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
)

const balancersQuestion = "/readyz?for=balancer"

// newcomers is what the daemon tells a load balancer: why newcomers should go elsewhere.
func (p *pushServer) newcomers() (reasons map[string]string) {
	p.t.Helper()
	return p.newcomersAt(p.port)
}

func (p *pushServer) newcomersAt(port int) (reasons map[string]string) {
	p.t.Helper()
	got := request(p.t, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, balancersQuestion))
	var answer struct {
		Ready   bool
		Reasons map[string]string
	}
	require.NoError(p.t, json.Unmarshal([]byte(got.body), &answer), got.body)
	require.Equal(p.t, answer.Ready, got.status == http.StatusOK)
	require.Equal(p.t, answer.Ready, len(answer.Reasons) == 0)
	return answer.Reasons
}

// TestDrain has signals, and then an administrator, drain a daemon, and have it take clients again.
func TestDrain(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	const token = "a token of enough characters"
	p := newSite(t).serve("ADMIN_TOKEN=" + token)
	for name, switched := range map[string]func(on bool){
		"signal": func(on bool) {
			p.signal(map[bool]syscall.Signal{true: syscall.SIGUSR1, false: syscall.SIGUSR2}[on])
		},
		"request": func(on bool) {
			require.Equal(t, http.StatusOK, p.api("drain", fmt.Sprintf(`{"undo":%v}`, !on), token, nil))
		},
	} {
		require.Empty(t, p.newcomers(), name)
		alice := p.login("alice")
		switched(true)
		switched(true) // changes nothing
		require.Equal(t, websocket.StatusServiceRestart, alice.closed(), name)
		require.Contains(t, p.newcomers(), "drain")
		require.Contains(t, p.newcomersAt(p.metricsPort), "drain")
		_, reasons := p.readiness()
		require.Contains(t, reasons, "drain")
		require.Zero(t, p.metric("notify_push_takes_newcomers"))
		_, response, err := websocket.Dial(t.Context(), "ws://"+p.address()+"/ws", nil)
		require.Error(t, err)
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		require.NotEmpty(t, response.Header.Get("Retry-After"))

		switched(false)
		p.await("newcomers are taken", func() bool { return len(p.newcomers()) == 0 })
		p.login("alice")
		require.EqualValues(t, 1, p.metric("notify_push_takes_newcomers"))
		require.True(t, p.ready())
	}
}

// TestBalancerIsToldOfThisServerAlone has everything be away that all daemons need, which is no reason to refuse everybody.
func TestBalancerIsToldOfThisServerAlone(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serve()
	s.cloud.Behave(nextcloud.Behaviour{Fault: nextcloud.FaultError})
	p.loginRefused("alice", passwordOf("alice"))
	s.redis.Kill()
	p.await("Redis is away", func() bool { _, reasons := p.readiness(); return reasons["redis"] != "" })
	_, reasons := p.readiness()
	require.Contains(t, reasons, "nextcloud")
	require.Empty(t, p.newcomers())
	require.Equal(t, http.StatusNotFound, p.request(http.MethodGet, "/readyz").status, "reasons have names of machines")
	require.Equal(t, http.StatusOK, p.request(http.MethodGet, "/push"+balancersQuestion).status)
	require.Equal(t, http.StatusOK, p.request(http.MethodHead, balancersQuestion).status)
}

// TestLameDuck has a daemon go on after it was asked to end, and refuse newcomers only in what it tells a balancer.
func TestLameDuck(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serveAtOnce("--lame-duck=1h")
	alice := p.login("alice")
	p.signal(syscall.SIGTERM)
	p.await("the balancer is told", func() bool { return len(p.newcomers()) > 0 })
	require.Contains(t, p.newcomers(), "shutdown")
	p.login("bob")
	s.publishAtOnce(customEvent("alice", "still here"))
	alice.expect("still here")
	p.signal(syscall.SIGTERM)
	p.awaitExit()
	require.Equal(t, "signal: terminated", p.cmd.ProcessState.String())

	p = s.serveAtOnce("LAME_DUCK=0.2")
	alice = p.login("alice")
	p.terminate()
	require.Equal(t, websocket.StatusServiceRestart, alice.closed())
}

// TestHostingIsDrained drains a process with several instances: all of them, those that come meanwhile, too.
func TestHostingIsDrained(t *testing.T) {
	t.Parallel()
	h := newHost(t, "one", "two")
	h.serve(t)
	clients := []*pushClient{h.loginAt("one"), h.loginAt("two")}
	asks := func(host, path string) int {
		status, _ := h.askRaw("GET " + path + "?for=balancer HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n")
		return status
	}
	const balancer = "127.0.0.1"
	require.Equal(t, http.StatusOK, asks(balancer, "/readyz"))
	require.Equal(t, http.StatusOK, asks(hostOf("one"), "/push/readyz"))
	h.signal(syscall.SIGUSR1)
	for _, c := range clients {
		require.Equal(t, websocket.StatusServiceRestart, c.closed())
	}
	require.Equal(t, http.StatusServiceUnavailable, asks(balancer, "/readyz"))
	require.Equal(t, http.StatusServiceUnavailable, asks(hostOf("two"), "/push/readyz"))
	require.Contains(t, h.newcomersAt(h.metricsPort), "drain")
	h.add(t, "three")
	h.awaitHearing("three")
	h.await("it is drained, too", func() bool { return asks(hostOf("three"), "/readyz") != http.StatusOK })
	_, _, err := websocket.Dial(t.Context(), "ws://"+h.address()+"/push/three/ws", nil)
	require.Error(t, err)

	h.signal(syscall.SIGUSR2)
	h.await("newcomers are taken", func() bool { return asks(balancer, "/readyz") == http.StatusOK })
	for _, name := range []string{"one", "two", "three"} {
		h.requirePushed(h.loginAt(name), name)
	}
}
