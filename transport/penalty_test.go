package transport

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPenaltiesGrow(t *testing.T) {
	var p penalties
	guesser, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	now := time.Unix(1, 0)
	for range freeFailures - 1 {
		p.fail(guesser, now)
		require.Zero(t, p.wait(guesser, now))
	}
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		p.fail(guesser, now)
		require.Equal(t, want, p.wait(guesser, now))
	}
	require.Equal(t, time.Second, p.wait(guesser, now.Add(3*time.Second)))
	require.Zero(t, p.wait(guesser, now.Add(4*time.Second)))
	require.Zero(t, p.wait(other, now))
	for range 100 {
		p.fail(guesser, now)
	}
	require.Equal(t, lastPenalty, p.wait(guesser, now))
	now = now.Add(lastPenalty + forgiveness + time.Second)
	p.fail(guesser, now)
	require.Zero(t, p.wait(guesser, now), "it was long ago")
	for range freeFailures {
		p.fail(guesser, now)
	}
	require.NotZero(t, p.wait(guesser, now))
	p.succeed(guesser)
	require.Zero(t, p.wait(guesser, now))
}

func TestPenaltiesAreBounded(t *testing.T) {
	var p penalties
	now := time.Unix(1, 0)
	address := netip.MustParseAddr("2001:db8::")
	for range maxPenalties + 100 {
		address = address.Next()
		for range freeFailures {
			p.fail(address, now)
		}
	}
	require.LessOrEqual(t, len(p.offenders), maxPenalties)
	require.NotZero(t, p.wait(address, now), "the last one is known")
}
