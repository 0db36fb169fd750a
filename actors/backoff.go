package actors

import (
	"math/rand/v2"
	"time"
)

// backoff returns how long to wait before a dependency that has failed again is tried again, after so many
// failures before. It doubles from the first time to the last, less up to a half of it, so that not all
// processes that miss the dependency try at the same moments.
func backoff(before int, first, last time.Duration) time.Duration {
	wait := min(first<<min(before, 10), last)
	return wait/2 + rand.N(wait/2) //nolint:gosec // G404: jitter is no secret
}
