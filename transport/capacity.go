package transport

import "sync/atomic"

// Capacity is how many websockets several Websockets may have together. Each may have as many as are still free: one that is flooded
// gets half of all, two get a third each, and there is always room for the others. It is safe for concurrent use.
type Capacity struct {
	most, used atomic.Int64
}

// SetMost has another number count from now on; 0 is no limit. Websockets that are there already stay.
func (c *Capacity) SetMost(most int) { c.most.Store(int64(most)) }

// Used returns how many there are.
func (c *Capacity) Used() int { return int(c.used.Load()) }

// take counts one more of a Websocket that has so many, unless that has its share. A nil Capacity has no limit.
func (c *Capacity) take(held int) bool {
	if c == nil {
		return true
	}
	most := c.most.Load()
	for {
		used := c.used.Load()
		if most > 0 && int64(held) >= most-used {
			return false
		}
		if c.used.CompareAndSwap(used, used+1) {
			return true
		}
	}
}

func (c *Capacity) give() {
	if c != nil {
		c.used.Add(-1)
	}
}
