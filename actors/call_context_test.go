package actors

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

type callValue struct{}

// TestCallContext: it ends as one of the context package does, whether somebody waits for it, looks, or derives from it.
func TestCallContext(t *testing.T) {
	errGone := errors.New("gone")
	for name, test := range map[string]struct {
		end  func(c *callContext, system context.CancelCauseFunc)
		want error
		why  error
	}{
		"after its time":  {func(*callContext, context.CancelCauseFunc) { time.Sleep(time.Minute) }, context.DeadlineExceeded, context.DeadlineExceeded},
		"with the call":   {func(c *callContext, _ context.CancelCauseFunc) { c.end() }, context.Canceled, context.Canceled},
		"with the system": {func(_ *callContext, cancel context.CancelCauseFunc) { cancel(errGone) }, context.Canceled, errGone},
	} {
		for way, watch := range map[string]func(c *callContext) context.Context{
			"looked at":    func(c *callContext) context.Context { return c },
			"waited for":   func(c *callContext) context.Context { c.Done(); return c },
			"derived from": func(c *callContext) context.Context { return context.WithValue(c, callValue{}, 2) },
			"bounded": func(c *callContext) context.Context {
				ctx, cancel := context.WithTimeout(c, time.Hour)
				context.AfterFunc(ctx, cancel)
				return ctx
			},
		} {
			t.Run(name+", "+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					system, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					c := &callContext{system: system, values: context.WithValue(t.Context(), callValue{}, 1), deadline: time.Now().Add(time.Minute)}
					defer c.end()
					ctx := watch(c)
					require.NoError(t, ctx.Err())
					require.NotNil(t, ctx.Value(callValue{}))
					until, bounded := ctx.Deadline()
					require.True(t, bounded)
					require.Equal(t, c.deadline, until)
					test.end(c, cancel)
					synctest.Wait()
					require.ErrorIs(t, ctx.Err(), test.want)
					<-ctx.Done()
					require.ErrorIs(t, context.Cause(ctx), test.why)
				})
			})
		}
	}
}

func TestCallContextHasNoTimerUntilSomebodyWaits(t *testing.T) {
	c := &callContext{system: t.Context(), deadline: time.Now().Add(time.Minute)}
	require.NoError(t, c.Err())
	require.Nil(t, c.timed)
	require.Nil(t, c.Value(callValue{}))
	c.end()
	require.ErrorIs(t, c.Err(), context.Canceled)
}
