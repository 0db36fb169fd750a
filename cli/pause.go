package cli

import (
	"math/rand/v2"
	"time"
)

// pause waits for a time, less up to a half of it, so that servers which have lost the same dependency
// do not all come back to it at once. It reports false, at once, when over is closed.
func pause(over <-chan struct{}, most time.Duration) bool {
	select {
	case <-time.After(most/2 + rand.N(most/2)): //nolint:gosec // G404: jitter is no secret
		return true
	case <-over:
		return false
	}
}
