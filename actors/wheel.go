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

// wheel is a timer wheel: it wakes connections at times that need not be exact, with one ticker for all of
// them and no timer each. It counts ticks and not the clock, so that time in which the process was stopped
// does not count. schedule and cancel are safe for concurrent use; run must be called once.
type wheel struct {
	// set once
	system *System
	probes chan chan<- station

	// guarded by mu
	mu    sync.Mutex
	slots [wheelSlots]*wheelEntry
	now   int       // the slot that was last served
	last  time.Time // the tick before
	grace int       // ticks still to skip
}

// wheelEntry is one connection in the wheel. It is part of the connection, so that it costs no allocation,
// and must be cancelled before the connection is forgotten.
type wheelEntry struct {
	pid        *actor.PID
	prev, next *wheelEntry
	slot       int
	in         bool
}

// maxWheelProbes is how many probes may wait for the wheel.
const maxWheelProbes = 16

func newWheel(system *System) *wheel {
	return &wheel{system: system, probes: make(chan chan<- station, maxWheelProbes)}
}

// schedule sends wake to the entry's connection after that time, and at most one tick and a part of one
// later, never before.
func (w *wheel) schedule(e *wheelEntry, after time.Duration) {
	ticks := (after+wheelTick-1)/wheelTick + 1 // the first of them may come at once
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(e)
	e.slot, e.in = (w.now+int(min(max(ticks, 1), wheelSlots-1)))%wheelSlots, true
	e.next = w.slots[e.slot]
	if e.next != nil {
		e.next.prev = e
	}
	w.slots[e.slot] = e
}

func (w *wheel) cancel(e *wheelEntry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(e)
}

func (w *wheel) unlink(e *wheelEntry) {
	if !e.in {
		return
	}
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		w.slots[e.slot] = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	}
	e.prev, e.next, e.in = nil, nil, false
}

// run ticks until done is closed.
func (w *wheel) run(done <-chan struct{}) {
	ticker := time.NewTicker(wheelTick)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case passed := <-w.probes:
			passed <- atWheel
		case <-ticker.C:
			_ = w.system.guarded("timer wheel", func() error { w.tick(time.Now()); return nil })
		}
	}
}

func (w *wheel) tick(now time.Time) {
	for _, pid := range w.advance(now) {
		w.system.root.Send(pid, wakeUp)
		w.system.handled(atWheel)
	}
}

// probe asks the wheel to say that it makes progress. One that has not come to so many probes does not.
func (w *wheel) probe(passed chan<- station) {
	select {
	case w.probes <- passed:
	default:
	}
}

// advance moves on by one slot and returns the connections that are due.
func (w *wheel) advance(now time.Time) (due []*actor.PID) {
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
