package actors

import (
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

const (
	wheelTick  = time.Second
	wheelSlots = 64 // more than any delay, in ticks
	// wheelGrace is how many ticks are skipped after the process did not run for a while, so that
	// answers which wait in the sockets are read before anybody is blamed for their absence.
	wheelGrace = 5
)

// wheel wakes connections at times that need not be exact: one ticker for all of them, and no
// timer each. It counts ticks and not the clock, so that time in which the process was stopped
// doesn't count.
type wheel struct {
	root *actor.RootContext

	mu    sync.Mutex
	slots [wheelSlots]*spoke
	now   int       // the slot that was last served
	last  time.Time // the tick before
	grace int       // ticks still to skip
}

// spoke is one connection's place in the wheel. It is part of the connection, so that a place
// costs no allocation, and must be taken out before the connection is forgotten.
type spoke struct {
	pid        *actor.PID
	prev, next *spoke
	slot       int
	in         bool
}

// schedule sends wake to the spoke's connection in after, rounded up to ticks.
func (w *wheel) schedule(s *spoke, after time.Duration) {
	ticks := min(max(int((after+wheelTick-1)/wheelTick), 1), wheelSlots-1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(s)
	s.slot, s.in = (w.now+ticks)%wheelSlots, true
	s.next = w.slots[s.slot]
	if s.next != nil {
		s.next.prev = s
	}
	w.slots[s.slot] = s
}

func (w *wheel) cancel(s *spoke) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(s)
}

func (w *wheel) unlink(s *spoke) {
	if !s.in {
		return
	}
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		w.slots[s.slot] = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next, s.in = nil, nil, false
}

// run turns the wheel until done is closed.
func (w *wheel) run(done <-chan struct{}) {
	ticker := time.NewTicker(wheelTick)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			w.tick(time.Now())
		}
	}
}

func (w *wheel) tick(now time.Time) {
	for _, pid := range w.turn(now) {
		w.root.Send(pid, wakeUp)
	}
}

// turn moves on by one slot and returns who is due.
func (w *wheel) turn(now time.Time) (due []*actor.PID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.last.IsZero() && now.Sub(w.last) > wheelGrace*wheelTick {
		w.grace = wheelGrace
	}
	w.last = now
	if w.grace > 0 {
		w.grace--
		return nil
	}
	w.now = (w.now + 1) % wheelSlots
	for s := w.slots[w.now]; s != nil; s = w.slots[w.now] {
		due = append(due, s.pid)
		w.unlink(s)
	}
	return due
}
