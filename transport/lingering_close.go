package transport

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/notifypush/notifypush/internal/nonblock"
)

const (
	// lingerTimeout is how long a client may take to hang up after it was sent the end.
	lingerTimeout = 2 * time.Second
	// A refused client is held for a time between these before its connection ends: one that comes back
	// at once is slowed down by it.
	minHold, maxHold = 2 * time.Second, 5 * time.Second
	// maxHeld and maxHeldOfKey bound the refused clients that are held at once, in all and of one key.
	maxHeld, maxHeldOfKey = 1024, 16
	// maxTurnedAway and maxTurnedAwayOfKey bound the connections that linger after there was no room for them: they
	// are beyond a limit, and take file descriptors that are reserved.
	maxTurnedAway, maxTurnedAwayOfKey = 64, 8
)

// ending is a connection that is to end so that what was sent last is read: closing with bytes unread would reset it, and take that
// along. Both methods may be called more than once.
type ending interface {
	closeWrite()   // ends the sending half, behind what was sent
	closeDrained() // reads what has come, and closes the connection, without waiting
}

// closer ends refused connections after a while, and then lingers until the client has had time to read
// what it was sent. A connection waits without a goroutine. Connections beyond the bounds, and all that
// come after close, end at once. It is safe for concurrent use.
type closer struct {
	max, maxOfKey int
	capacity      *Capacity // of which each connection takes a place; nil for none

	mu     sync.Mutex
	held   map[*heldConn]struct{}
	ofKey  map[rateKey]int
	closed bool
}

type heldConn struct {
	ending
	key   rateKey
	ended func()
	timer *time.Timer // guarded by closer.mu
	sent  bool        // the end; owned by the timer's function
}

// holdTime returns how long a refused client is held.
func holdTime() time.Duration { return minHold + rand.N(maxHold-minHold) } //nolint:gosec // G404: jitter is no secret

// end ends the connection after that time. ended is called when it is closed.
func (c *closer) end(conn ending, key rateKey, after time.Duration, ended func()) {
	c.mu.Lock()
	if c.closed || len(c.held) >= c.max || key != (rateKey{}) && c.ofKey[key] >= c.maxOfKey || !c.capacity.take(len(c.held)) {
		c.mu.Unlock()
		conn.closeDrained()
		ended()
		return
	}
	if c.held == nil {
		c.held, c.ofKey = map[*heldConn]struct{}{}, map[rateKey]int{}
	}
	h := &heldConn{ending: conn, key: key, ended: ended}
	c.held[h] = struct{}{}
	c.ofKey[key]++
	c.mu.Unlock()
	c.arm(h, after)
}

// next sends the end, and closes the connection the next time.
func (c *closer) next(h *heldConn) {
	if !c.isHeld(h) {
		return
	}
	if !h.sent {
		h.sent = true
		h.closeWrite()
		c.arm(h, lingerTimeout)
		return
	}
	c.mu.Lock()
	_, held := c.held[h]
	if held {
		c.forget(h)
	}
	c.mu.Unlock()
	if held {
		h.closeDrained()
		h.ended()
	}
}

func (c *closer) isHeld(h *heldConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, held := c.held[h]
	return held
}

func (c *closer) arm(h *heldConn, after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, held := c.held[h]; held {
		h.timer = time.AfterFunc(after, func() { c.next(h) })
	}
}

func (c *closer) forget(h *heldConn) {
	delete(c.held, h)
	c.capacity.give()
	if c.ofKey[h.key]--; c.ofKey[h.key] == 0 {
		delete(c.ofKey, h.key)
	}
}

// close ends all connections now.
func (c *closer) close() {
	c.mu.Lock()
	c.closed = true
	var held []*heldConn
	for h := range c.held {
		if h.timer != nil {
			h.timer.Stop()
		}
		c.forget(h)
		held = append(held, h)
	}
	c.mu.Unlock()
	for _, h := range held {
		h.closeDrained()
		h.ended()
	}
}

// maxDrained bounds what is read of a client that sends all the time, in bytes.
const maxDrained = 1 << 20

// drain reads what has come.
func drain(fd int) {
	buffer := make([]byte, 16<<10)
	for total := 0; total < maxDrained; {
		n, err := nonblock.Read(fd, buffer)
		if n == 0 || err != nil {
			return
		}
		total += n
	}
}
