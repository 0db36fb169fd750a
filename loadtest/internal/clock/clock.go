// Package clock is the time that all processes of a load test on one machine agree on.
package clock

import (
	"context"
	"time"
)

var started = time.Now()

// Now is this moment in µs since 1970. It does not jump when the system's clock is set while a test runs.
func Now() int64 { return started.UnixMicro() + time.Since(started).Microseconds() }

// Wait waits until d has passed or ctx has ended; then it returns the cause.
func Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Due is when the i-th of rate events a second is due, in µs after the first; 0 when rate is.
func Due(i int, rate float64) int64 {
	if rate <= 0 {
		return 0
	}
	return int64(float64(i) / rate * 1e6)
}

// WaitFor waits until the i-th of rate events a second since begun is due.
func WaitFor(ctx context.Context, begun time.Time, i int, rate float64) error {
	return Wait(ctx, time.Until(begun.Add(time.Duration(Due(i, rate))*time.Microsecond)))
}
