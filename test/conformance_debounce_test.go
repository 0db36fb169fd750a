package test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Section 2, "What is sent when". See conformance_clock_test.go about the bounds.

const settling = 100 * time.Millisecond

func TestConformanceFirstPushWaitsForOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	p := s.serve()
	for _, e := range []event{fileEvent(7, "files/a", 1), eventFor("notify_activity", "alice"), eventFor("notify_notification", "alice")} {
		alice := p.login("alice")
		published := time.Now()
		s.publishAtOnce(e)
		require.GreaterOrEqual(t, alice.next().at.Sub(published), settling, e.channel)
		alice.ws.CloseNow()
	}
}

// TestConformanceFirstPushDoesNotWaitLong has so many connections that every later push would wait for three seconds at least.
func TestConformanceFirstPushDoesNotWaitLong(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serve()
	for range 60 {
		p.login("alice")
	}
	requireWithin(t, 3*time.Second, func() time.Duration {
		fresh := p.login("bob")
		published := time.Now()
		s.publishAtOnce(eventFor("notify_activity", "bob"))
		return fresh.next().at.Sub(published)
	})
}

func TestConformanceMergedPushes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	p := s.serve()
	alice := p.loginForIDs("alice")
	file := func(id uint64) event { return fileEvent(7, "files/a", id) }
	custom := customEvent("alice", "at once")

	s.publishAtOnce(file(1)) // the storage is known from now on
	alice.expect("notify_file_id [1]")
	s.publishAtOnce(file(2), file(3), file(2), custom)
	alice.expect("at once", "notify_file_id [2,3]")
	s.publishAtOnce(file(4), eventFor("notify_user_share_created", "alice"), file(5), custom)
	alice.expect("at once", "notify_file")
	activity, notification := eventFor("notify_activity", "alice"), eventFor("notify_notification", "alice")
	s.publishAtOnce(activity, activity, activity, custom)
	alice.expect("at once", "notify_activity")
	s.publishAtOnce(notification, notification, custom)
	alice.expect("at once", "notify_notification")
	s.publishAtOnce(activity, custom)
	alice.expect("at once", "notify_activity") // the others did not come twice
}

// TestConformanceBusyUser is about users for whom events never stop coming.
func TestConformanceBusyUser(t *testing.T) {
	t.Parallel()
	onlyHere(t) // the app's own daemon says nothing as long as they come
	for name, test := range map[string]struct {
		event    event
		push     string
		interval time.Duration // the least between two
	}{
		"file":         {eventFor("notify_user_share_created", "alice"), "notify_file", time.Second / 2},
		"activity":     {eventFor("notify_activity", "alice"), "notify_activity", time.Second / 2},
		"notification": {eventFor("notify_notification", "alice"), "notify_notification", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			alice := s.serve().login("alice")
			began := time.Now()
			ticker := time.NewTicker(20 * time.Millisecond)
			defer ticker.Stop()
			for pushes := 0; pushes < 3; {
				select {
				case push := <-alice.heard:
					require.Equal(t, test.push, push.text)
					require.GreaterOrEqual(t, push.at.Sub(began), settling+time.Duration(pushes)*test.interval)
					pushes++
				case <-ticker.C:
					s.publishAtOnce(test.event)
					require.Less(t, time.Since(began), patience, "nothing is sent to a busy user")
				}
			}
		})
	}
}

// secondPushes has n connections of alice get a stream of activities, and returns how long after its begin each got its second push,
// in rising order. It stops after the first limit of them.
func secondPushes(t *testing.T, n, limit int, words ...string) []time.Duration {
	s := newSite(t)
	p := s.serve(words...)
	second := make(chan time.Time, n)
	for range n {
		c := p.login("alice")
		go func() {
			<-c.heard
			second <- (<-c.heard).at
		}()
	}
	began := time.Now()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	var all []time.Duration
	for len(all) < limit {
		select {
		case at := <-second:
			all = append(all, at.Sub(began))
		case <-ticker.C:
			s.publishAtOnce(eventFor("notify_activity", "alice"))
			require.Less(t, time.Since(began), patience)
		}
	}
	slices.Sort(all)
	return all
}

func TestConformanceDebounceGrowsWithConnections(t *testing.T) {
	t.Parallel()
	onlyHere(t) // as TestConformanceBusyUser
	all := secondPushes(t, 20, 20)
	require.GreaterOrEqual(t, all[0], settling+time.Second, "20/10 s, times at least 0.5")
	require.Greater(t, all[len(all)-1]-all[0], time.Second/2, "each connection has a factor of its own, up to three times another's")
}

func TestConformanceMaxDebounceTime(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	const leastWithout = 60 / 10 * time.Second / 2
	requireWithin(t, leastWithout, func() time.Duration { return secondPushes(t, 60, 1, "MAX_DEBOUNCE_TIME=1")[0] })
}

func TestConformanceDebounceDisable(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	p := s.serve("DEBOUNCE_DISABLE=0") // it is set
	alice := p.loginForIDs("alice")
	for range 2 {
		s.publishAtOnce(eventFor("notify_activity", "alice"), eventFor("notify_activity", "alice"), eventFor("notify_notification", "alice"),
			eventFor("notify_notification", "alice"))
		alice.expect("notify_activity", "notify_activity", "notify_notification", "notify_notification")
		s.publishAtOnce(fileEvent(7, "files/a", 1), fileEvent(7, "files/b", 2))
		alice.expect("notify_file_id [1]", "notify_file_id [2]")
	}
}

func TestConformanceCustomMessagesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	onlyHere(t) // the app's own daemon loses most of them
	s := newSite(t)
	p := s.serve()
	var clients []*pushClient
	for range 10 {
		clients = append(clients, p.login("alice"))
	}
	var events []event
	for i := range 500 {
		events = append(events, customEvent("alice", fmt.Sprint("message ", i)))
	}
	s.publishAtOnce(events...)
	for _, c := range clients {
		for i := range events {
			c.expect(fmt.Sprint("message ", i))
		}
	}
}
