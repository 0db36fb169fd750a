package client

import (
	"math/rand/v2"
	"time"
)

const (
	defaultBackoffBase = time.Second
	defaultBackoffCap  = 5 * time.Minute
)

// Backoff spreads the attempts of many clients that lost their server at the same moment: each waits a random time
// between nothing and a window that doubles with every failure ("full jitter"). Not safe for concurrent use.
type Backoff struct {
	// Base is the first window; 0 means a second.
	Base time.Duration
	// Cap is the largest window; 0 means five minutes.
	Cap time.Duration

	window time.Duration
}

// Next gives the time to wait after one more failure.
func (b *Backoff) Next() time.Duration {
	b.window = min(max(2*b.window, orDefault(b.Base, defaultBackoffBase)), orDefault(b.Cap, defaultBackoffCap))
	return rand.N(b.window + 1) //nolint:gosec // G404: jitter is no secret
}

// Reset forgets all failures.
func (b *Backoff) Reset() {
	b.window = 0
}

func orDefault(set, standard time.Duration) time.Duration {
	if set > 0 {
		return set
	}
	return standard
}
