package actors

import (
	"context"
	"sync"
	"time"
)

// callContext is the context of a call to the Verifier: it ends with the system's, at a deadline, or with the call, and has the values
// of the client's. It becomes one of the context package, with a timer, when somebody waits for its end, derives from it, or asks for a
// value: an answer that comes soon needs none, and a login costs less without.
type callContext struct {
	system   context.Context
	values   context.Context // may be nil
	deadline time.Time

	mu     sync.Mutex
	timed  context.Context // nil until somebody waits, as is cancel
	cancel context.CancelFunc
	over   bool
}

// Deadline returns when the Verifier must have answered.
func (c *callContext) Deadline() (time.Time, bool) { return c.deadline, true }

// Done returns a channel that is closed when the context ends.
func (c *callContext) Done() <-chan struct{} { return c.awaited().Done() }

// Err returns nil until the context has ended.
func (c *callContext) Err() error {
	if !c.isAwaited() && c.system.Err() == nil && time.Now().Before(c.deadline) {
		return nil
	}
	return c.awaited().Err()
}

// Value returns a value of either context.
func (c *callContext) Value(key any) any {
	if value := c.awaited().Value(key); value != nil || c.values == nil {
		return value
	}
	return c.values.Value(key)
}

// isAwaited reports whether awaited says more than the deadline does.
func (c *callContext) isAwaited() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.timed != nil || c.over
}

func (c *callContext) awaited() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed == nil {
		c.timed, c.cancel = context.WithDeadline(c.system, c.deadline)
	}
	if c.over {
		c.cancel()
	}
	return c.timed
}

// end says that the call is over.
func (c *callContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.cancel != nil {
		c.cancel()
	}
}
