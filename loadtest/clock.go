package loadtest

import (
	"context"
	"time"
)

var started = time.Now()

// now is this moment in µs since 1970. Processes of one machine agree on it, and it does not jump when somebody sets the
// clock while a test runs.
func now() int64 { return started.UnixMicro() + time.Since(started).Microseconds() }

// wait waits, unless the run ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
