package transport

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLoginRateLimitGrows(t *testing.T) {
	var l loginRateLimit
	guesser, other := rateKey{address: netip.MustParseAddr("192.0.2.1")}, rateKey{address: netip.MustParseAddr("192.0.2.2")}
	now := time.Unix(1, 0)
	for range freeFailures - 1 {
		l.failed(guesser, now)
		require.Zero(t, l.wait(guesser, now))
	}
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		l.failed(guesser, now)
		require.Equal(t, want, l.wait(guesser, now))
	}
	require.Equal(t, time.Second, l.wait(guesser, now.Add(3*time.Second)))
	require.Zero(t, l.wait(guesser, now.Add(4*time.Second)))
	require.Zero(t, l.wait(other, now))
	for range 100 {
		l.failed(guesser, now)
	}
	require.Equal(t, lastWait, l.wait(guesser, now))
	now = now.Add(lastWait + failureMemory + time.Second)
	l.failed(guesser, now)
	require.Zero(t, l.wait(guesser, now), "it was long ago")
	for range freeFailures {
		l.failed(guesser, now)
	}
	require.NotZero(t, l.wait(guesser, now))
	l.succeeded(guesser, now)
	require.Zero(t, l.wait(guesser, now))
}

func TestLoginRateLimitIsResetRarely(t *testing.T) {
	var l loginRateLimit
	address := rateKey{address: netip.MustParseAddr("192.0.2.1")}
	now := time.Unix(1, 0)
	failAndSucceed := func() (wait time.Duration) {
		for range freeFailures {
			l.failed(address, now)
		}
		l.succeeded(address, now)
		return l.wait(address, now)
	}
	l.succeeded(address, now)
	require.Zero(t, failAndSucceed(), "there was nothing to reset before")
	require.NotZero(t, failAndSucceed())
	now = now.Add(resetInterval - 1)
	require.NotZero(t, failAndSucceed())
	now = now.Add(1)
	require.Zero(t, failAndSucceed())
}

func TestLoginRateLimitIsBounded(t *testing.T) {
	var l loginRateLimit
	now := time.Unix(1, 0)
	address := rateKey{address: netip.MustParseAddr("2001:db8::")}
	for range maxLimitedKeys + 100 {
		address.address = address.address.Next()
		for range freeFailures {
			l.failed(address, now)
		}
	}
	require.LessOrEqual(t, len(l.keys), maxLimitedKeys)
	require.NotZero(t, l.wait(address, now), "the last one is known")
}

func TestLoginRateKeys(t *testing.T) {
	here, there := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("172.17.0.1")
	require.Equal(t, loginRateKey(origin{client: here}, "alice"), loginRateKey(origin{client: here}, "bob"), "an address is one client")
	behind := origin{client: there, gateway: true}
	require.NotEqual(t, loginRateKey(behind, "alice"), loginRateKey(behind, "bob"), "a gateway stands for many")
	require.Equal(t, loginRateKey(behind, "alice"), loginRateKey(behind, "Alice"))
	require.Zero(t, loginRateKey(behind, ""), "all browsers behind it would share it")
	var l loginRateLimit
	for range 2 * freeFailures {
		l.failed(rateKey{}, time.Now())
	}
	require.Zero(t, l.wait(rateKey{}, time.Now()))
}

func TestThrottledAddressesAreListedAndCleared(t *testing.T) {
	var w Websocket
	now := time.Now()
	fail := func(key rateKey, times int) {
		for range times {
			w.rateLimit.failed(key, now)
		}
	}
	guesser, gateway := netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("10.0.0.1")
	fail(rateKey{address: limitAddress(guesser)}, 20)
	fail(rateKey{address: gateway, user: 1}, 19)
	fail(rateKey{address: gateway, user: 2}, 18)
	fail(rateKey{address: netip.MustParseAddr("192.0.2.1")}, freeFailures-1)
	list, all := w.Throttled(2)
	require.Equal(t, 3, all)
	require.Len(t, list, 2)
	require.Equal(t, []string{"2001:db8::", "10.0.0.1"}, []string{list[0].Address, list[1].Address})
	require.Equal(t, 20, list[0].Failures)
	require.True(t, list[1].Gateway)

	require.True(t, w.ClearRateLimit(guesser), "also by an address of its /64")
	require.False(t, w.ClearRateLimit(guesser))
	require.True(t, w.ClearRateLimit(gateway))
	_, all = w.Throttled(2)
	require.Zero(t, all)
}

func TestLimitsChange(t *testing.T) {
	a := newAdmission(Limits{Connections: 1})
	first, second := new(net.TCPConn), new(net.TCPConn)
	require.Empty(t, a.admit(first, netip.Addr{}))
	require.NotEmpty(t, a.admit(second, netip.Addr{}))
	a.SetLimits(Limits{Connections: 2})
	require.Empty(t, a.admit(second, netip.Addr{}))
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
