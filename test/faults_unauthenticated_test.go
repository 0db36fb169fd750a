package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// TestFaultsUnauthenticatedBehindAProxy has unauthenticated clients come through a reverse proxy: each counts by the address
// that the proxy names, and takes nothing from the others.
func TestFaultsUnauthenticatedBehindAProxy(t *testing.T) {
	t.Parallel()
	const most = 12 // the refused count for as long as they are held
	s := newSite(t)
	p := s.serveAtOnce(fmt.Sprint("MAX_UNAUTHENTICATED_PER_ADDRESS=", most))
	r := p.follow()
	const one, other = "X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 203.0.113.8"
	shake := func(header string) *http.Response {
		return p.dialRaw(handshake("/ws", header)).response()
	}

	t.Run("sockets that do not log in", func(t *testing.T) {
		for range most {
			require.Equal(t, http.StatusSwitchingProtocols, shake(one).StatusCode)
		}
		refused := shake(one)
		require.Equal(t, http.StatusServiceUnavailable, refused.StatusCode)
		require.NotEmpty(t, refused.Header.Get("Retry-After"))
		require.Equal(t, http.StatusSwitchingProtocols, shake(other).StatusCode)
	})
	t.Run("guesses", func(t *testing.T) {
		const guesser = "X-Forwarded-For"
		for i := range 10 {
			c := p.dial("/ws", guesser, "203.0.113.9")
			c.say("alice", fmt.Sprint("guess ", i))
			c.expect("err: Invalid credentials")
			if i == 0 {
				require.EqualValues(t, -1, c.closed(), "without a close frame")
			}
		}
		refused := shake("X-Forwarded-For: 203.0.113.9")
		require.Equal(t, http.StatusTooManyRequests, refused.StatusCode)
		require.NotEmpty(t, refused.Header.Get("Retry-After"))
		p.dial("/ws", guesser, "203.0.113.10").logIn("alice", passwordOf("alice"))
	})
	r.finish().requireNothingLost(t)
}

// TestFaultsNextcloudHangs has Nextcloud not answer while clients log in: those wait, and those that are
// in notice nothing.
func TestFaultsNextcloudHangs(t *testing.T) {
	t.Parallel()
	const clients = 40 // all of them must have come within a minute, when the first questions are given up
	s := newSite(t)
	cloud := storagetest.NewProxy(t, strings.TrimPrefix(s.url, "http://"))
	p := s.serveAtOnce("NEXTCLOUD_URL=http://"+cloud.Addr(), "AUTH_CONCURRENCY=4")
	r := p.follow()
	cloud.Stall()
	var waiting []*pushClient
	for i := range clients {
		user := fmt.Sprint("user", i)
		s.addUser(user)
		c := p.dial("/ws")
		c.say(user, passwordOf(user))
		waiting = append(waiting, c)
	}
	time.Sleep(span(2*time.Second, 40*time.Second))
	r.awaitNext()
	s.cloud.ResetStats()
	cloud.Resume()
	began := time.Now()
	for _, c := range waiting {
		c.expect("authenticated")
	}
	t.Logf("toll: %d clients that waited for Nextcloud are in %v after it answers, %d logins at once", clients, time.Since(began).Round(time.Millisecond), s.cloud.Stats().MostInFlight)
	require.LessOrEqual(t, s.cloud.Stats().MostInFlight, 4)
	require.Len(t, s.asked("uid"), clients+1)
	r.finish().requireNothingLost(t)
}
