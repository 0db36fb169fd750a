package transport

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// serversOf are servers that count failed logins together.
func serversOf(n int) (servers []*Websocket) {
	for range n {
		w := &Websocket{}
		w.rateLimit.hasher = newHasher([]byte("key of the fleet"))
		servers = append(servers, w)
	}
	return servers
}

// beat has each tell all others, as heartbeats do.
func beat(t *testing.T, servers []*Websocket) {
	t.Helper()
	for i, from := range servers {
		news := from.FailureNews()
		if news == nil {
			continue
		}
		for j, to := range servers {
			if j != i {
				require.NoError(t, to.LearnFailures(news))
			}
		}
	}
}

// guessAt is a try at alice's password at servers with the same key.
func guessAt(address string) attempt {
	return newAttempt(newHasher([]byte("key of the fleet")), origin{client: netip.MustParseAddr(address)}, "alice")
}

// An address has as many free failures at all servers as at one.
func TestFailuresOfAnAddressAreCountedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := serversOf(3)
		guesser := guessAt("192.0.2.1")
		for i := range freeFailures {
			servers[i%3].rateLimit.mayTry(t, guesser, time.Now())
			servers[i%3].rateLimit.refused(guesser, time.Now())
			beat(t, servers)
		}
		for _, w := range servers {
			w.rateLimit.hasToWait(t, guesser, time.Now())
			w.rateLimit.mayTry(t, guessAt("192.0.2.2"), time.Now())
		}
		time.Sleep(firstWait)
		servers[1].rateLimit.mayTry(t, guesser, time.Now())
		servers[1].rateLimit.refused(guesser, time.Now())
		beat(t, servers)
		time.Sleep(firstWait)
		for _, w := range servers {
			w.rateLimit.hasToWait(t, guesser, time.Now()) // twice as long
		}
	})
}

// So has a name, wherever it is tried; who has logged in at one server is let through at all.
func TestFailuresOfANameAreCountedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := serversOf(3)
		home := guessAt("198.51.100.7")
		servers[0].rateLimit.succeeded(home, true, time.Now())
		for i := range freeFailuresOfName {
			servers[i%3].rateLimit.refused(guessAt(fmt.Sprint("192.0.2.", i)), time.Now())
		}
		beat(t, servers)
		for _, w := range servers {
			_, err := w.rateLimit.begin(guessAt("203.0.113.1"), time.Now())
			require.ErrorIs(t, err, errSharedThrottled)
			w.rateLimit.mayTry(t, home, time.Now())
		}
	})
}

// A login that succeeds resets the failures at all servers, and so does an operator.
func TestFailuresAreResetTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := serversOf(2)
		guesser := guessAt("192.0.2.1")
		fail := func() {
			for range freeFailures {
				servers[0].rateLimit.refused(guesser, time.Now())
			}
			beat(t, servers)
			servers[1].rateLimit.hasToWait(t, guesser, time.Now())
		}
		fail()
		time.Sleep(firstWait)
		servers[0].rateLimit.succeeded(guesser, true, time.Now())
		beat(t, servers)
		for range freeFailures - 1 {
			servers[1].rateLimit.refused(guesser, time.Now())
			servers[1].rateLimit.mayTry(t, guesser, time.Now())
		}
		fail()
		require.True(t, servers[0].ClearRateLimit(netip.MustParseAddr("192.0.2.1")))
		beat(t, servers)
		servers[1].rateLimit.mayTry(t, guesser, time.Now())
	})
}

// Servers with other keys, or none, do not understand each other's hashes; one without a key says nothing.
func TestFailuresOfStrangers(t *testing.T) {
	servers := serversOf(2)
	servers[1].rateLimit.hasher = newHasher([]byte("another"))
	for range freeFailures {
		servers[0].rateLimit.refused(guessAt("192.0.2.1"), time.Now())
	}
	beat(t, servers)
	servers[1].rateLimit.mayTry(t, guessAt("192.0.2.1"), time.Now())
	var alone Websocket
	alone.rateLimit.refused(guess("192.0.2.1"), time.Now())
	require.Nil(t, alone.FailureNews())
	require.Empty(t, alone.rateLimit.news.waiting)
}

// Whatever clients do, what waits to be told is bounded, and what is told fits; what nobody takes is forgotten.
func TestFailureNewsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := serversOf(2)
		l := &servers[0].rateLimit
		for i := range 2 * maxUntold {
			l.refused(guessAt(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String()), time.Now())
		}
		require.LessOrEqual(t, len(l.news.waiting), maxUntold)
		news := servers[0].FailureNews()
		require.Less(t, len(news), 64<<10)
		for range 3 * maxLimitedKeys / maxFailureNews {
			told := failureNews{}
			for range maxFailureNews {
				l.news.since = time.Now()
				told.Failures = append(told.Failures, keyNews{Key: uint64(len(servers[1].rateLimit.heard) + len(told.Failures) + 1e6), Count: 1})
			}
			text, err := json.Marshal(told)
			require.NoError(t, err)
			require.NoError(t, servers[1].LearnFailures(text))
			time.Sleep(time.Second)
		}
		require.LessOrEqual(t, len(servers[1].rateLimit.heard), maxLimitedKeys)
		time.Sleep(untoldTime + time.Second)
		require.Nil(t, servers[0].FailureNews())
	})
}

// Whatever another server says, it is counted or an error.
func FuzzLearnFailures(f *testing.F) {
	servers := serversOf(2)
	servers[0].rateLimit.refused(guessAt("192.0.2.1"), time.Now())
	servers[0].rateLimit.succeeded(guessAt("192.0.2.1"), true, time.Now())
	f.Add([]byte(servers[0].FailureNews()))
	f.Add([]byte(`{"failures":[{"key":1,"count":-1},{"key":1,"count":1048577}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		w := serversOf(1)[0]
		_ = w.LearnFailures(text)
		for _, h := range w.rateLimit.heard {
			if h.count < 0 {
				t.Fatal("less than no failures")
			}
		}
		_, _ = w.rateLimit.begin(guessAt("192.0.2.1"), time.Now())
	})
}
