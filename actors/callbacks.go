package actors

import "sync"

// callbacks are the functions that wait for an answer of an actor, in place of goroutines. Each is called at most once: by the actor that
// answers, or by close; one that is dropped is not called any more. It is safe for concurrent use; the zero value is ready to use.
type callbacks struct {
	mu     sync.Mutex
	open   map[*callback]struct{} // neither called nor dropped
	closed bool
}

// callback is one of them. It must be answered or dropped, or it stays in memory.
type callback struct {
	of   *callbacks
	call func(*Login, error)
}

// add returns a callback that calls the function; nil after close.
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

// answer calls the function, unless it was called or dropped before.
func (c *callback) answer(login *Login, err error) {
	if c.drop() {
		c.call(login, err)
	}
}

// drop forgets the function, and reports whether it was neither called nor dropped before.
func (c *callback) drop() (dropped bool) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	_, open := c.of.open[c]
	delete(c.of.open, c)
	return open
}

// close answers all that no actor has answered, and refuses those that come.
func (cs *callbacks) close(err error) {
	cs.mu.Lock()
	left := cs.open
	cs.open, cs.closed = nil, true
	cs.mu.Unlock()
	for c := range left {
		c.call(nil, err)
	}
}
