package actors

import (
	"math/rand/v2"
	"time"
)

// backoff returns how long a neighbour is left alone that has failed again, after so many failures
// before. It doubles from the first time to the last, less up to a half of it, so that not all who
// miss the neighbour ask at the same moments.
func backoff(before int, first, last time.Duration) time.Duration {
	wait := min(first<<min(before, 10), last)
	return wait/2 + rand.N(wait/2)
}
