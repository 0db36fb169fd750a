package transport

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// guess is a try at alice's password.
func guess(address string) attempt {
	return newAttempt(nil, origin{client: netip.MustParseAddr(address)}, "alice")
}

// behind is a login of one of the many clients of a gateway.
func behind(user string) attempt {
	return newAttempt(nil, origin{client: netip.MustParseAddr("172.17.0.1"), gateway: true}, user)
}

// mayTry requires that a login may be tried.
func (l *loginRateLimit) mayTry(t *testing.T, a attempt, now time.Time) {
	t.Helper()
	_, err := l.begin(a, now)
	require.NoError(t, err)
}

func (l *loginRateLimit) hasToWait(t *testing.T, a attempt, now time.Time) {
	t.Helper()
	_, err := l.begin(a, now)
	require.ErrorIs(t, err, errThrottled)
}

func TestLoginRateLimitGrows(t *testing.T) {
	var l loginRateLimit
	guesser, other := guess("192.0.2.1"), guess("192.0.2.2")
	now := time.Unix(1, 0)
	for range freeFailures - 1 {
		l.refused(guesser, now)
		l.mayTry(t, guesser, now)
	}
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		l.refused(guesser, now)
		require.Equal(t, want, l.wait(guesser.own, now))
	}
	l.hasToWait(t, guesser, now)
	require.Equal(t, time.Second, l.wait(guesser.own, now.Add(3*time.Second)))
	l.mayTry(t, guesser, now.Add(4*time.Second))
	l.mayTry(t, other, now)
	for range 100 {
		l.refused(guesser, now)
	}
	require.Equal(t, lastWait, l.wait(guesser.own, now))
	now = now.Add(lastWait + failureMemory + time.Second)
	l.refused(guesser, now)
	require.Zero(t, l.wait(guesser.own, now), "it was long ago")
	for range freeFailures {
		l.refused(guesser, now)
	}
	require.NotZero(t, l.wait(guesser.own, now))
	l.succeeded(guesser, false, now)
	require.Zero(t, l.wait(guesser.own, now))
}

func TestLoginRateLimitIsResetRarely(t *testing.T) {
	var l loginRateLimit
	address := guess("192.0.2.1")
	now := time.Unix(1, 0)
	failAndSucceed := func() (wait time.Duration) {
		for range freeFailures {
			l.refused(address, now)
		}
		l.succeeded(address, false, now)
		return l.wait(address.own, now)
	}
	l.succeeded(address, false, now)
	require.Zero(t, failAndSucceed(), "there was nothing to reset before")
	require.NotZero(t, failAndSucceed())
	now = now.Add(resetInterval - 1)
	require.NotZero(t, failAndSucceed())
	now = now.Add(1)
	require.Zero(t, failAndSucceed())
}

// Guesses from many addresses count by the user name, too. Where that has logged in from before, it still does.
func TestLoginRateLimitOfAName(t *testing.T) {
	var l loginRateLimit
	now := time.Unix(1, 0)
	home, address := guess("198.51.100.1"), netip.MustParseAddr("192.0.2.1")
	l.succeeded(home, true, now)
	next := func() attempt {
		address = address.Next()
		return newAttempt(nil, origin{client: address}, "Alice")
	}
	for range freeFailuresOfName - 1 {
		l.refused(next(), now)
		l.mayTry(t, next(), now)
	}
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		l.refused(next(), now)
		require.Equal(t, want, l.wait(next().shared[0], now))
	}
	l.hasToWait(t, next(), now)
	l.mayTry(t, home, now)
	l.mayTry(t, newAttempt(nil, origin{client: address}, "bob"), now)
	for range 100 {
		l.refused(next(), now)
	}
	require.Equal(t, lastWaitOfName, l.wait(next().shared[0], now))
	for range freeFailures {
		l.refused(home, now)
	}
	l.hasToWait(t, home, now)
}

// A gateway stands for many: what one of them does is held against the name that was tried there, and only when
// that are very many against all, but those that have logged in there before.
func TestLoginRateLimitOfAGateway(t *testing.T) {
	var l loginRateLimit
	now := time.Unix(1, 0)
	l.succeeded(behind("bob"), true, now)
	for range freeFailures {
		l.refused(behind("alice"), now)
	}
	l.hasToWait(t, behind("Alice"), now)
	l.mayTry(t, guess("192.0.2.1"), now)
	l.mayTry(t, behind("carol"), now)
	for i := range freeFailures * gatewayFactor {
		l.refused(behind(fmt.Sprint("user ", i)), now)
	}
	l.hasToWait(t, behind("carol"), now)
	l.mayTry(t, behind("bob"), now)
	l.mayTry(t, behind("carol"), now.Add(lastWaitOfGateway))
}

// What Nextcloud throttles has to wait here, too, and what is remembered does not count until Nextcloud has
// judged again.
func TestLoginRateLimitFollowsNextclouds(t *testing.T) {
	var l loginRateLimit
	now := time.Unix(1, 0)
	guesser := guess("192.0.2.1")
	l.succeeded(guesser, true, now)
	l.notJudged(guesser, now)
	require.Equal(t, time.Second, l.wait(guesser.own, now))
	l.notJudged(guesser, now)
	require.Equal(t, 2*time.Second, l.wait(guesser.own, now))
	l.mayTry(t, guess("192.0.2.2"), now)

	now = now.Add(2 * time.Second)
	lockedOut := func() bool {
		out, err := l.begin(guesser, now)
		require.NoError(t, err)
		return out
	}
	require.True(t, lockedOut())
	l.succeeded(guesser, false, now) // as of a token
	require.True(t, lockedOut())
	l.succeeded(guesser, true, now)
	require.False(t, lockedOut())

	l.notJudged(behind("alice"), now)
	l.hasToWait(t, behind("alice"), now)
	l.hasToWait(t, behind("carol"), now)
	out, err := l.begin(behind("carol"), now.Add(time.Second))
	require.NoError(t, err)
	require.False(t, out, "a gateway is not one client")
}

func TestLoginRateLimitIsBounded(t *testing.T) {
	var l loginRateLimit
	now := time.Unix(1, 0)
	address := netip.MustParseAddr("2001:db8::")
	var a attempt
	for range maxLimitedKeys + 100 {
		address = netip.AddrFrom16(prefixAfter(address))
		a = newAttempt(nil, origin{client: address}, address.String())
		for range freeFailures + 1 { // the first may be forgotten at once
			l.refused(a, now)
		}
	}
	require.LessOrEqual(t, len(l.keys), maxLimitedKeys)
	require.NotZero(t, l.wait(a.own, now), "the last one is known")
}

// prefixAfter returns the address in the next /56.
func prefixAfter(address netip.Addr) [16]byte {
	bytes := address.As16()
	for i := 6; ; i-- {
		if bytes[i]++; bytes[i] != 0 {
			return bytes
		}
	}
}

func TestRecentPairsAreBounded(t *testing.T) {
	var r recentPairs
	for i := range uint64(5 * maxPairs) {
		r.add(i)
	}
	require.LessOrEqual(t, len(r.young)+len(r.old), 2*maxPairs)
	require.True(t, r.has(5*maxPairs-1))
	require.False(t, r.has(0))
}

func TestLoginAttempts(t *testing.T) {
	here, there := netip.MustParseAddr("2001:db8:1:2::7"), netip.MustParseAddr("2001:db8:1:f3::9")
	require.Equal(t, newAttempt(nil, origin{client: here}, "alice"), newAttempt(nil, origin{client: there}, "Alice"), "a /56 is one client")
	require.Equal(t, newAttempt(nil, origin{client: here}, "alice").own, newAttempt(nil, origin{client: here}, "").own)
	require.Zero(t, newAttempt(nil, origin{client: here, gateway: true}, ""), "all browsers behind it would share it")
	var l loginRateLimit
	for range 2 * freeFailures {
		l.refused(attempt{}, time.Now())
		l.notJudged(attempt{}, time.Now())
	}
	l.mayTry(t, attempt{}, time.Now())
}

func TestThrottledAddressesAreListedAndCleared(t *testing.T) {
	var w Websocket
	now := time.Now()
	fail := func(from origin, user string, times int) {
		for range times {
			w.rateLimit.refused(newAttempt(nil, from, user), now)
		}
	}
	guesser, gateway := netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("10.0.0.1")
	fail(origin{client: guesser}, "alice", 20)
	fail(origin{client: gateway, gateway: true}, "bob", 12)
	fail(origin{client: gateway, gateway: true}, "carol", 11)
	fail(origin{client: netip.MustParseAddr("192.0.2.1")}, "dora", freeFailures-1)
	list, all := w.Throttled(2)
	require.Equal(t, 3, all)
	require.Len(t, list, 2)
	require.Equal(t, []string{"2001:db8::", "10.0.0.1"}, []string{list[0].Address, list[1].Address})
	require.Equal(t, 20, list[0].Failures)
	require.True(t, list[1].Gateway)

	require.True(t, w.ClearRateLimit(guesser), "also by an address of its /56")
	require.False(t, w.ClearRateLimit(guesser))
	require.True(t, w.ClearRateLimit(gateway))
	_, all = w.Throttled(2)
	require.Zero(t, all)
}

func TestLimitsChange(t *testing.T) {
	a := newAdmission(Limits{Connections: 1}, nil)
	first, second := new(login), new(login)
	require.Empty(t, a.admit(first, origin{}))
	require.NotEmpty(t, a.admit(second, origin{}))
	a.SetLimits(Limits{Connections: 2})
	require.Empty(t, a.admit(second, origin{}))
}

func TestTheClientsProgram(t *testing.T) {
	for text, want := range map[string]string{
		"Mozilla/5.0 (Linux) mirall/3.13": "Mozilla/5.0 (Linux) mirall/3.13",
		"\x1b[31mred\x00\nline":           "[31mredline",
		"bad \xff\xfe UTF-8":              "bad  UTF-8",
		strings.Repeat("ü", maxAgent):     strings.Repeat("ü", maxAgent/2),
		"":                                "",
	} {
		options := WebsocketOptions{DescribeClients: true}
		require.Equal(t, want, options.agent(http.Header{"User-Agent": {text}}).Value())
	}
}
