package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"
)

// The fault suite breaks what is around the running binary, and the binary itself, while a client is
// sent events with numbers: what it misses, gets twice or out of order, and how long it takes until
// it is served again. FAULTS_LONG=1 makes pauses as long as they can be in the wild; FAULTS_SOAK is
// how long TestFaultsSoak goes on.

// span is how long a fault lasts: short, or as long as may be where there is time for it.
func span(short, long time.Duration) time.Duration {
	if os.Getenv("FAULTS_LONG") != "" {
		return long
	}
	return short
}

// launch starts a daemon for the site whatever is missing, without a debounce.
func (s *site) launch(words ...string) *pushServer {
	s.t.Helper()
	return s.start(append([]string{
		"REDIS_URL=" + s.redis.URL(), "DATABASE_URL=" + s.database, "NEXTCLOUD_URL=" + s.url + "/", "BIND=127.0.0.1", "DEBOUNCE_DISABLE=1",
	}, words...)...)
}

// readiness is what /readyz says; nothing as long as nobody answers there.
func (p *pushServer) readiness() (ready bool, reasons map[string]string) {
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", p.metricsPort))
	if err != nil {
		return false, nil
	}
	defer response.Body.Close()
	var answer struct {
		Ready   bool              `json:"ready"`
		Reasons map[string]string `json:"reasons"`
	}
	require.NoError(p.t, json.NewDecoder(response.Body).Decode(&answer))
	require.Equal(p.t, answer.Ready, response.StatusCode == http.StatusOK)
	return answer.Ready, answer.Reasons
}

func (p *pushServer) ready() bool {
	ready, _ := p.readiness()
	return ready
}

// eventInterval is how far the reference's events are apart.
const eventInterval = 5 * time.Millisecond

// reference is a well-behaved client, for which custom events with the numbers 0, 1, 2, … are published
// all the time, and what became of each.
type reference struct {
	t       *testing.T
	server  *pushServer
	publish func(payload string) (receivers int, err error)
	client  *pushClient
	stop    chan struct{} // publishing
	stopped chan struct{}
	running sync.WaitGroup

	publishing sync.Mutex // held while an event is published
	mu         sync.Mutex
	published  []publication
	heard      []int // numbers, in the order of their arrival
	refreshes  map[string]int
	faultEnd   time.Time
	recovered  time.Time // when the first event that was published after faultEnd arrived
}

// publication is an event, and whether Redis said that the server hears it.
type publication struct {
	at    time.Time
	heard bool
}

// follow logs the reference in, as alice.
func (p *pushServer) follow() *reference { return p.followBy(p.site.publisher()) }

func (p *pushServer) followBy(publish func(payload string) (receivers int, err error)) *reference {
	p.t.Helper()
	r := &reference{t: p.t, server: p, publish: publish, client: p.login("alice"), stop: make(chan struct{}), stopped: make(chan struct{}), refreshes: map[string]int{}}
	r.running.Go(r.publishAll)
	r.running.Go(r.listen)
	r.awaitNext()
	return r
}

// publisher publishes at the site's Redis, over a connection that is made again when it is lost.
func (s *site) publisher() func(payload string) (int, error) {
	var conn redis.Conn
	s.t.Cleanup(func() {
		if conn != nil {
			conn.Close()
		}
	})
	return func(payload string) (int, error) {
		if conn == nil || conn.Err() != nil {
			fresh, err := redis.Dial("unix", s.redis.Socket)
			if err != nil {
				return 0, err
			}
			conn = fresh
		}
		return redis.Int(conn.Do("PUBLISH", "notify_custom", payload))
	}
}

func (r *reference) publishAll() {
	defer close(r.stopped)
	ticker := time.NewTicker(eventInterval)
	defer ticker.Stop()
	for number := 0; ; number++ {
		r.publishing.Lock()
		at := time.Now()
		receivers, err := r.publish(fmt.Sprintf(`{"user":"alice","message":"event %d"}`, number))
		r.mu.Lock()
		r.published = append(r.published, publication{at, err == nil && receivers > 0})
		r.mu.Unlock()
		r.publishing.Unlock()
		select {
		case <-ticker.C:
		case <-r.stop:
			return
		}
	}
}

func (r *reference) listen() {
	for message := range r.client.heard {
		number, isEvent := strings.CutPrefix(message.text, "event ")
		r.mu.Lock()
		if isEvent {
			n, _ := strconv.Atoi(number)
			r.heard = append(r.heard, n)
			if r.recovered.IsZero() && !r.faultEnd.IsZero() && n < len(r.published) && r.published[n].at.After(r.faultEnd) {
				r.recovered = message.at
			}
		} else {
			r.refreshes[message.text]++
		}
		r.mu.Unlock()
	}
}

// awaitNext waits until an event arrives that is published from now on.
func (r *reference) awaitNext() {
	r.t.Helper()
	r.mu.Lock()
	next := len(r.published)
	r.mu.Unlock()
	r.server.await("the reference hears an event", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.heard) > 0 && r.heard[len(r.heard)-1] > next
	})
}

// betweenEvents makes a fault when no event is on its way: Redis may end a subscription before it has sent
// what it took last.
func (r *reference) betweenEvents(fault func()) {
	r.t.Helper()
	r.publishing.Lock()
	defer r.publishing.Unlock()
	r.server.await("the last event arrives", r.hasHeardLast)
	fault()
}

func (r *reference) hasHeardLast() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.published) - 1
	return len(r.heard) > 0 && (r.heard[len(r.heard)-1] == last || !r.published[last].heard)
}

// awaitResync waits until the client has been sent one refresh.
func (r *reference) awaitResync() {
	r.t.Helper()
	r.server.await("everything is refreshed", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.refreshes) == 3
	})
	require.Equal(r.t, map[string]int{"notify_file": 1, "notify_activity": 1, "notify_notification": 1}, r.refreshes)
}

// faultIsOver says that from now on nothing is broken any more.
func (r *reference) faultIsOver() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faultEnd = time.Now()
}

// toll is what a fault cost.
type toll struct {
	published  int
	unheard    int // published while Redis was away, or had no subscriber
	lost       int // of those that Redis had handed over
	duplicates int
	disordered int
	recovery   time.Duration
	refreshes  map[string]int // pushes of the resync
}

// finish waits until the reference is served again, and says what the fault cost.
func (r *reference) finish() toll {
	r.t.Helper()
	r.awaitNext()
	close(r.stop)
	r.server.await("the publisher ends", func() bool {
		select {
		case <-r.stopped:
			return true
		default:
			return false
		}
	})
	r.server.await("the last event arrives", r.hasHeardLast)
	_ = r.client.ws.CloseNow()
	r.running.Wait()

	cost := toll{published: len(r.published), refreshes: r.refreshes}
	if !r.recovered.IsZero() {
		cost.recovery = r.recovered.Sub(r.faultEnd)
	}
	times := make([]int, len(r.published))
	last := -1
	for _, n := range r.heard {
		if times[n]++; times[n] > 1 {
			cost.duplicates++
		} else if n < last {
			cost.disordered++
		}
		last = max(last, n)
	}
	for n, p := range r.published {
		switch {
		case !p.heard:
			cost.unheard++
		case times[n] == 0:
			cost.lost++
		}
	}
	r.t.Logf("toll: published %d, unheard by any server %d, lost %d, twice %d, out of order %d, served again after %v, refreshes %v",
		cost.published, cost.unheard, cost.lost, cost.duplicates, cost.disordered, cost.recovery.Round(time.Millisecond), cost.refreshes)
	return cost
}

// requireNothingLost is for faults that cost nothing at all.
func (c toll) requireNothingLost(t *testing.T) {
	t.Helper()
	require.Zero(t, c.unheard)
	c.requireOnlyUnheard(t)
	require.Empty(t, c.refreshes)
}

// requireOnlyUnheard is for faults of Redis: what was published while nobody was subscribed is gone,
// and nothing else.
func (c toll) requireOnlyUnheard(t *testing.T) {
	t.Helper()
	require.Zero(t, c.lost)
	require.Zero(t, c.duplicates)
	require.Zero(t, c.disordered)
}
