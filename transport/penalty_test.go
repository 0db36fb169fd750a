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
	p.succeed(guesser, now)
	require.Zero(t, p.wait(guesser, now))
}

func TestPardonsAreRare(t *testing.T) {
	var p penalties
	address := netip.MustParseAddr("192.0.2.1")
	now := time.Unix(1, 0)
	failAndSucceed := func() (wait time.Duration) {
		for range freeFailures {
			p.fail(address, now)
		}
		p.succeed(address, now)
		return p.wait(address, now)
	}
	p.succeed(address, now)
	require.Zero(t, failAndSucceed(), "there was nothing to pardon before")
	require.NotZero(t, failAndSucceed())
	now = now.Add(pardonEvery - 1)
	require.NotZero(t, failAndSucceed())
	now = now.Add(1)
	require.Zero(t, failAndSucceed())
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
