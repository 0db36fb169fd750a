package test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// scale is how many there are of something: few, or as many as in the wild where there is time for it.
func scale(few, many int) int {
	if os.Getenv("FAULTS_LONG") != "" {
		return many
	}
	return few
}

// TestFaultsSlowReaders has one client in ten read nothing while they all, with healthy clients of the
// same users among them, are sent more than may wait for one.
func TestFaultsSlowReaders(t *testing.T) {
	t.Parallel()
	clients, slow := scale(200, 2000), scale(20, 200)
	const events, size = 100, 64 << 10
	s := newSite(t)
	s.addUser("carol")
	p := s.serveAtOnce("MAX_CONNECTIONS_PER_USER=10000")
	r := p.follow()
	var healthy []*pushClient
	for range (clients - slow) / 10 { // the others are there for the crowd
		healthy = append(healthy, p.login("carol"))
	}
	for range (clients - slow) * 9 / 10 {
		p.login("bob")
	}
	before := p.metric(`notify_push_connections_closed_total{reason="too_slow"}`)
	for range slow {
		c := p.dialSlow()
		c.send(append(textFrame("carol"), textFrame(passwordOf("carol"))...))
	}
	p.awaitMetric("active_connection_count", float64(1+len(healthy)+(clients-slow)*9/10+slow))

	padding := strings.Repeat("x", size)
	began := time.Now()
	for i := range events {
		s.publishAtOnce(customEvent("carol", fmt.Sprintf("%d %s", i, padding)))
		for _, c := range healthy {
			text := c.hear()
			require.Equal(t, strconv.Itoa(i), text[:strings.IndexByte(text, ' ')])
		}
	}
	t.Logf("toll: %d events of %d KiB to each of %d healthy clients beside %d slow ones in %v", events, size>>10, len(healthy), slow, time.Since(began).Round(time.Millisecond))
	p.awaitMetric(`notify_push_connections_closed_total{reason="too_slow"}`, max(before, 0)+float64(slow))
	p.awaitMetric("active_connection_count", float64(1+len(healthy)+(clients-slow)*9/10))
	r.finish().requireNothingLost(t)
}

// dialSlow shakes hands over a connection that takes little, and never reads again.
func (p *pushServer) dialSlow() *rawClient {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.address())
	require.NoError(p.t, err)
	require.NoError(p.t, conn.(*net.TCPConn).SetReadBuffer(4096))
	p.t.Cleanup(func() { conn.Close() })
	c := &rawClient{t: p.t, conn: conn}
	c.send([]byte(handshake("/ws")))
	return c
}

// TestFaultsMalformedFlood has a program gone mad publish a thousand pieces of nonsense a second.
func TestFaultsMalformedFlood(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serveAtOnce("NO_ANSI=1")
	r := p.follow()
	conn, err := redis.Dial("unix", s.redis.Socket)
	require.NoError(t, err)
	defer conn.Close()

	flood := span(3*time.Second, time.Minute)
	began := time.Now()
	sent := 0
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for time.Since(began) < flood {
		<-ticker.C
		for due := int(time.Since(began).Milliseconds()); sent < due; sent++ {
			require.NoError(t, conn.Send("PUBLISH", "notify_activity", fmt.Sprintf(`{"user":%d`, sent)))
		}
		require.NoError(t, conn.Flush())
	}
	took := time.Since(began)
	_, err = conn.Do("PING")
	require.NoError(t, err)
	p.awaitMetric("notify_push_events_malformed_total", float64(sent))

	counted := 0
	p.await("all of them are in the log", func() bool {
		counted = 0
		for _, line := range malformedLines(p) {
			counted += line
		}
		return counted == sent
	})
	lines := len(malformedLines(p))
	t.Logf("toll: %d malformed payloads in %v made %d lines", sent, took.Round(time.Millisecond), lines)
	require.LessOrEqual(t, lines, int(time.Since(began)/time.Second)+2)
	r.finish().requireNothingLost(t)
}

// malformedLines returns for how many payloads each line of the log stands.
func malformedLines(p *pushServer) (counts []int) {
	times := regexp.MustCompile(`"times": (\d+)`)
	for line := range strings.Lines(p.output.String()) {
		if !strings.Contains(line, "malformed event") {
			continue
		}
		count := 1
		if found := times.FindStringSubmatch(line); found != nil {
			count, _ = strconv.Atoi(found[1])
		}
		counts = append(counts, count)
	}
	return counts
}

// TestFaultsClientIsHalfOpen has clients vanish without a word, which only the heartbeat finds out.
func TestFaultsClientIsHalfOpen(t *testing.T) {
	t.Parallel()
	if span(0, 1) == 0 {
		t.Skip("it takes more than a minute; FAULTS_LONG=1 runs it")
	}
	s := newSite(t)
	p := s.serveAtOnce()
	network := storagetest.NewProxy(t, p.address())
	for range 10 {
		c, _ := dialEndpoint(t, endpoint{network: "tcp", address: network.Addr(), url: "ws://" + p.address() + "/ws"})
		c.logIn("bob", passwordOf("bob"))
	}
	r := p.follow()
	network.Stall()
	began := time.Now()
	p.awaitMetric("active_connection_count", 1)
	took := time.Since(began)
	t.Logf("toll: half-open clients are gone after %v", took.Round(time.Second))
	require.InDelta(t, 60, took.Seconds(), 10)
	r.finish().requireNothingLost(t)
}

// TestFaultsHugeFrames has unauthenticated clients announce and send frames of 10 MB.
func TestFaultsHugeFrames(t *testing.T) {
	t.Parallel()
	const clients = 5
	s := newSite(t)
	p := s.serveAtOnce()
	r := p.follow()
	before := p.residentMemory()
	frame := textFrame(strings.Repeat("x", 10<<20))
	for range clients {
		c := p.open()
		go func() { _, _ = c.conn.Write(frame) }() // as much of it as is taken
		c.expectEnd()
		c.conn.Close()
	}
	after := p.residentMemory()
	t.Logf("toll: %d first frames of 10 MB: %.1f MiB more memory, %d logins at Nextcloud", clients, float64(after-before)/(1<<20), len(s.asked("uid"))-1)
	require.Less(t, after-before, int64(clients*10<<20)/4)
	require.Len(t, s.asked("uid"), 1, "alice's, the reference")
	r.finish().requireNothingLost(t)
}

// residentMemory is the daemon's, in bytes.
func (p *pushServer) residentMemory() int64 {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	pages, err := strconv.ParseInt(string(bytes.Fields(status)[1]), 10, 64)
	require.NoError(p.t, err)
	return pages * int64(os.Getpagesize())
}
