// Package backoff says how long to wait before what has failed is tried again.
package backoff

import (
	"math/rand/v2"
	"time"
)

// Wait returns how long to wait after so many failures before this one: first, and twice as long each time until it is last, with Jitter.
func Wait(before int, first, last time.Duration) time.Duration {
	return Jitter(min(first<<min(before, 10), last))
}

// Jitter returns a wait less up to a half of it, so that processes which have lost the same dependency do not all come back to it at once.
func Jitter(wait time.Duration) time.Duration {
	return wait/2 + rand.N(wait/2) //nolint:gosec // G404: jitter is no secret
}

// Pause waits. It returns false, at once, when over is closed.
func Pause(over <-chan struct{}, wait time.Duration) bool {
	select {
	case <-time.After(wait):
		return true
	case <-over:
		return false
	}
}
