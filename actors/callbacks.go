package actors

import "sync"

// callbacks are functions of callers that wait for an answer without a goroutine. Each is called once: by an actor, or by close. It is
// safe for concurrent use; the zero value is ready to use.
type callbacks struct {
	mu     sync.Mutex
	open   map[*callback]struct{}
	closed bool
}

// callback is one of them.
type callback struct {
	of   *callbacks
	call func(*Login, error)
}

// add returns the callback for a question, or nil after close.
func (cs *callbacks) add(call func(*Login, error)) *callback {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed {
		return nil
	}
	if cs.open == nil {
		cs.open = map[*callback]struct{}{}
	}
	c := &callback{cs, call}
	cs.open[c] = struct{}{}
	return c
}

// answer calls the function, unless it was called before.
func (c *callback) answer(login *Login, err error) {
	c.of.mu.Lock()
	_, open := c.of.open[c]
	delete(c.of.open, c)
	c.of.mu.Unlock()
	if open {
		c.call(login, err)
	}
}

// close answers all that no actor has answered.
func (cs *callbacks) close(err error) {
	cs.mu.Lock()
	left := cs.open
	cs.open, cs.closed = nil, true
	cs.mu.Unlock()
	for c := range left {
		c.call(nil, err)
	}
}
