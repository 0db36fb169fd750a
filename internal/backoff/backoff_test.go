package backoff

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWaitDoubles(t *testing.T) {
	for before, seconds := range []int{1, 2, 4, 8, 10, 10} {
		most := time.Duration(seconds) * time.Second
		seen := map[time.Duration]bool{}
		for range 100 {
			wait := Wait(before, time.Second, 10*time.Second)
			require.GreaterOrEqual(t, wait, most/2)
			require.Less(t, wait, most)
			seen[wait] = true
		}
		require.Greater(t, len(seen), 50, "waits differ")
	}
	require.Less(t, Wait(1<<40, time.Second, time.Minute), time.Minute, "many failures are no overflow")
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, over := time.Now(), make(chan struct{})
		require.True(t, Pause(over, time.Minute))
		require.Equal(t, time.Minute, time.Since(began))
		close(over)
		require.False(t, Pause(over, time.Minute))
		require.Equal(t, time.Minute, time.Since(began))
	})
}
