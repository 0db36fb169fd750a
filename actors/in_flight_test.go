package actors

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// endedContext has ended, and what waits for it has yet to notice.
type endedContext struct {
	context.Context
	ended atomic.Bool
}

func (*endedContext) Done() <-chan struct{} { return nil }

func (c *endedContext) Err() error {
	if c.ended.Load() {
		return context.Canceled
	}
	return nil
}

// Someone who gives up at the moment of being woken doesn't leave the others asleep.
func TestInFlightLimitWakesAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newInFlight(nil)
		f.messages.Store(maxInFlight)
		entered := make(chan error, 2)
		ctx := &endedContext{Context: t.Context()}
		go func() { entered <- f.acquire(ctx, 0) }()
		synctest.Wait()
		go func() { entered <- f.acquire(t.Context(), 0) }()
		synctest.Wait()
		ctx.ended.Store(true)
		f.release(0)
		require.ErrorIs(t, <-entered, context.Canceled)
		require.NoError(t, <-entered)
	})
}
