package test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestFleetRestarts has the clients of as many users at three daemons live through what happens to a fleet: each daemon is
// restarted, one is killed, and all connections are reset. At most one in a hundred may have to wait for Nextcloud; about all
// others Nextcloud is asked later, once for each, and spread.
func TestFleetRestarts(t *testing.T) {
	onlyHere(t)
	const clients = 300
	s := newSite(t)
	words := []string{"AUTH_RECHECK=10s"}
	nodes := s.fleet(3, words...)
	balancer := s.roundRobin(nodes)
	c := balancer.crowd(clients, 0)
	require.Len(t, s.asked("uid"), clients)

	logins := clients
	back := func(what string, comeBack int) {
		logins += comeBack
		nodes[1].await("all are back after "+what, func() bool { return c.logins() >= logins })
		logins = c.logins()
	}
	waited := func() (n int) {
		for _, p := range nodes {
			n += int(p.metric(`notify_push_logins_total{source="nextcloud"}`))
		}
		return n
	}
	start := func(old *pushServer) *pushServer {
		next := &pushServer{t: t, site: s, output: &output{}, port: old.port, metricsPort: old.metricsPort}
		config := s.writeConfig("'secret' => 'secret of this Nextcloud',")
		next.run(t.TempDir(), append([]string{fmt.Sprintf("PORT=%d", old.port), fmt.Sprintf("METRICS_PORT=%d", old.metricsPort), config, "LOG=info"}, words...)...)
		next.awaitServing()
		return next
	}
	atFirst := waited()
	require.Equal(t, clients, atFirst)
	gone := 0 // logins of daemons that have ended, whose counters are gone
	for i, p := range nodes {
		there := int(p.metric("notify_push_connections"))
		gone += int(p.metric(`notify_push_logins_total{source="nextcloud"}`))
		p.terminate()
		nodes[i] = start(p)
		back("a restart", there)
	}
	there := int(nodes[0].metric("notify_push_connections"))
	gone += int(nodes[0].metric(`notify_push_logins_total{source="nextcloud"}`))
	require.NoError(t, nodes[0].cmd.Process.Signal(syscall.SIGKILL))
	<-nodes[0].exited
	back("a kill", there)
	nodes[0] = start(nodes[0])
	s.publish("notify_signal", `"reset"`)
	back("a reset", clients)

	require.LessOrEqual(t, waited()+gone-clients, clients/100)
	t.Logf("toll: of %d clients that came back %d times, %d waited for Nextcloud", clients, logins-clients, waited()+gone-clients)
	const recheck = 20 * time.Second // all are asked about by then
	time.Sleep(recheck)
	asked, most := len(s.asked("uid")), 0.0
	s.publish("notify_signal", `"reset"`)
	back("another reset", clients)
	began := time.Now()
	for last, before := began, asked; time.Since(began) < recheck; {
		time.Sleep(time.Second)
		now := len(s.asked("uid"))
		most = max(most, float64(now-before)/time.Since(last).Seconds())
		last, before = time.Now(), now
	}
	t.Logf("toll: %d questions after a reset, %.0f a second at most", len(s.asked("uid"))-asked, most)
	require.Equal(t, clients, len(s.asked("uid"))-asked, "once in the fleet")
	require.LessOrEqual(t, most, clients/3.0)
	require.Empty(t, strings.TrimSpace(s.leftInRedis()), "the others know the logins")
}

// roundRobin returns a balancer before daemons, as if it were one: each connection goes to the next one that answers.
func (s *site) roundRobin(nodes []*pushServer) *pushServer {
	s.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	addresses := make([]string, len(nodes)) // which do not change
	for i, p := range nodes {
		addresses[i] = p.address()
	}
	var running sync.WaitGroup
	running.Go(func() {
		for next := 0; ; next++ {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer client.Close()
				for i := range addresses {
					if server, err := net.Dial("tcp", addresses[(next+i)%len(addresses)]); err == nil {
						join(client, server)
						return
					}
				}
			})
		}
	})
	s.t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return &pushServer{t: s.t, site: s, output: nodes[0].output, port: listener.Addr().(*net.TCPAddr).Port, exited: nodes[1].exited}
}

// join passes bytes on in both directions until one ends.
func join(a, b net.Conn) {
	var running sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		running.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = a.Close()
			_ = b.Close()
		})
	}
	running.Wait()
}
