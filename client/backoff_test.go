package client_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/client"
)

// With a thousand clients, the longest wait of each round comes close to the window, and the shortest close to nothing.
func TestBackoffSpreadsOverADoublingWindow(t *testing.T) {
	crowd := make([]client.Backoff, 1000)
	for _, seconds := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
		window := time.Duration(seconds) * time.Second
		shortest, longest := window, time.Duration(0)
		for i := range crowd {
			delay := crowd[i].Next()
			shortest, longest = min(shortest, delay), max(longest, delay)
		}
		require.LessOrEqual(t, longest, window)
		require.Greater(t, longest, window*9/10)
		require.Less(t, shortest, window/10)
	}
}

func TestBackoffReset(t *testing.T) {
	backoff := client.Backoff{Base: time.Millisecond, Cap: time.Hour}
	for range 50 {
		require.LessOrEqual(t, backoff.Next(), time.Hour)
	}
	backoff.Reset()
	require.LessOrEqual(t, backoff.Next(), time.Millisecond)
}
