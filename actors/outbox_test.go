package actors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The moments at which debounced pushes go out, to the nanosecond.
func TestOutboxTimes(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		comes []time.Duration // when there are pushes
		want  []time.Duration // when they go out
	}{
		"one":               {[]time.Duration{1000 * ms}, []time.Duration{1100 * ms}},
		"coalesced":         {[]time.Duration{1000 * ms, 1050 * ms, 1099 * ms}, []time.Duration{1100 * ms}},
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
			var next time.Duration // 0 where none waits
			flushUntil := func(now time.Duration) {
				if next > 0 && next <= now {
					require.Empty(t, o.flush(next-1))
					require.Len(t, o.flush(next), 1)
					got = append(got, next)
					next = 0
				}
			}
			for _, at := range c.comes {
				flushUntil(at)
				due, first := o.debounce(activityPush, false, at, 2*time.Second)
				require.Equal(t, next == 0, first)
				if !first {
					require.Equal(t, next, due)
				}
				next = due
			}
			flushUntil(time.Hour)
			require.Equal(t, c.want, got)
		})
	}
}

// The bound is 1 MiB to the byte, with what the socket still owes; four frames of any size always fit.
func TestOutboxBound(t *testing.T) {
	var o outbox
	for range 8 {
		require.True(t, o.enqueue(make([]byte, outboxLimit/8)))
	}
	require.False(t, o.enqueue([]byte{1}))
	require.Len(t, o.take(), outboxLimit)
	require.False(t, o.enqueue([]byte{1}), "taken is not written")
	o.written()
	require.True(t, o.enqueue([]byte{1}))
	require.Equal(t, []byte{1}, o.take())
	o.written()
	require.Nil(t, o.take())

	largest := make([]byte, 8<<20)
	require.True(t, o.enqueue(largest))
	require.Len(t, o.take(), len(largest))
	for range 3 {
		require.True(t, o.enqueue(largest))
	}
	require.False(t, o.enqueue([]byte{1}))
	o.written()
	require.True(t, o.enqueue(largest))
}

func TestOutboxJoinsFrames(t *testing.T) {
	var o outbox
	for _, frame := range []string{"a", "b", "c"} {
		require.True(t, o.enqueue([]byte(frame)))
	}
	require.Equal(t, "abc", string(o.take()))
	require.Nil(t, o.take())
}
