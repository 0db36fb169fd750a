package actors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The moments at which held pushes go out, to the nanosecond.
func TestOutboxTimes(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		holds []time.Duration // when pushes come
		want  []time.Duration // when they go out
	}{
		"one":               {[]time.Duration{1000 * ms}, []time.Duration{1100 * ms}},
		"merged":            {[]time.Duration{1000 * ms, 1050 * ms, 1099 * ms}, []time.Duration{1100 * ms}},
		"next of two":       {[]time.Duration{1000 * ms, 1101 * ms}, []time.Duration{1100 * ms, 3100 * ms}},
		"just before free":  {[]time.Duration{1000 * ms, 3099 * ms}, []time.Duration{1100 * ms, 3199 * ms}},
		"after a quiet one": {[]time.Duration{1000 * ms, 9000 * ms}, []time.Duration{1100 * ms, 9100 * ms}},
		"never quiet": {
			[]time.Duration{1000 * ms, 1400 * ms, 1800 * ms, 2200 * ms, 2600 * ms, 3000 * ms, 3400 * ms, 3800 * ms},
			[]time.Duration{1100 * ms, 3100 * ms, 5100 * ms},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var o outbox
			var got []time.Duration
			releaseUntil := func(now time.Duration) {
				for due, any := o.next(); any && due <= now; due, any = o.next() {
					require.Empty(t, o.release(due-1))
					require.Len(t, o.release(due), 1)
					got = append(got, due)
				}
			}
			for _, at := range c.holds {
				releaseUntil(at)
				o.hold(activityPush, at, 2*time.Second)
			}
			releaseUntil(time.Hour)
			require.Equal(t, c.want, got)
		})
	}
}

// The bound is 1 MiB to the byte, with what the socket still owes; one frame always fits.
func TestOutboxBound(t *testing.T) {
	var o outbox
	require.NoError(t, o.enqueue(make([]byte, outboxLimit/2)))
	require.NoError(t, o.enqueue(make([]byte, outboxLimit/2)))
	require.ErrorIs(t, o.enqueue([]byte{1}), errOutboxFull)
	require.Len(t, o.take(), outboxLimit)
	require.ErrorIs(t, o.enqueue([]byte{1}), errOutboxFull, "taken is not written")
	o.written()
	require.NoError(t, o.enqueue([]byte{1}))
	require.Equal(t, []byte{1}, o.take())
	o.written()
	require.Nil(t, o.take())
	require.NoError(t, o.enqueue(make([]byte, 2*outboxLimit)))
	require.Error(t, o.enqueue([]byte{1}))
}

func TestOutboxJoinsFrames(t *testing.T) {
	var o outbox
	for _, frame := range []string{"a", "b", "c"} {
		require.NoError(t, o.enqueue([]byte(frame)))
	}
	require.Equal(t, "abc", string(o.take()))
	require.Nil(t, o.take())
}
