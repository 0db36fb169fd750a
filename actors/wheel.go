package actors

import (
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

const (
	wheelTick  = time.Second
	wheelSlots = 64         // more than any delay, in ticks
	wheelDue   = wheelSlots // the last list: entries that are being woken
	// wheelGrace is how many ticks are skipped after the process did not run for a while, so that
	// answers which wait in the sockets are read before anybody is blamed for their absence.
	wheelGrace = 5
)

// wheel is a timer wheel: it wakes a System's connections at times that need not be exact, with one timer for all of
// them. It counts ticks and not the clock, so that time in which the process was stopped does not count. It is safe for
// concurrent use.
type wheel struct {
	system *System // set once

	// guarded by mu
	mu      sync.Mutex
	slots   [wheelSlots + 1]*wheelEntry // and wheelDue
	entries int                         // in all lists
	timer   *time.Timer                 // of the next tick; nil while there is nobody to wake
	waking  bool                        // who is due; meanwhile the wheel stands still
	now     int                         // the slot that was last served
	last    time.Time                   // the tick before; zero at the first
	grace   int                         // ticks still to skip
	probes  []chan<- station
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

// schedule sends wake to the entry's connection after that time, and at most one tick and a part of one
// later, never before.
func (w *wheel) schedule(e *wheelEntry, after time.Duration) {
	ticks := (after+wheelTick-1)/wheelTick + 1 // the first of them may come at once
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(e)
	w.link(e, (w.now+int(min(max(ticks, 1), wheelSlots-1)))%wheelSlots)
	if w.timer == nil {
		w.last, w.grace = time.Time{}, 0
		w.timer = time.AfterFunc(untilTick(), func() { w.tick(time.Now()) })
	}
}

func (w *wheel) cancel(e *wheelEntry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(e)
}

func (w *wheel) link(e *wheelEntry, slot int) {
	e.slot, e.in, e.next = slot, true, w.slots[slot]
	if e.next != nil {
		e.next.prev = e
	}
	w.slots[slot] = e
	w.entries++
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
	w.entries--
}

// tick moves on and wakes who is due, and stops where there is nobody to wake.
func (w *wheel) tick(now time.Time) {
	w.mu.Lock()
	w.advance(now)
	due := w.slots[wheelDue] != nil
	switch {
	case due: // those are running, so Shutdown waits still
		w.waking = true
		w.system.running.Add(1)
	case w.entries == 0:
		w.timer = nil
	case w.timer != nil:
		w.timer.Reset(untilTick())
	}
	w.mu.Unlock()
	if due {
		w.wake()
	}
}

// untilTick is the time to the next tick. Wheels of all Systems tick at once, so that the process is woken once for all.
func untilTick() time.Duration {
	now := time.Now()
	return now.Truncate(wheelTick).Add(wheelTick).Sub(now)
}

func (w *wheel) wake() {
	defer w.system.running.Done()
	defer w.rest()
	_ = w.system.guarded("timer wheel", func() error {
		for n := 0; ; n++ {
			letOthersRun(n)
			pid := w.nextDue()
			if pid == nil {
				return nil
			}
			w.system.root.Send(pid, &wake{})
			w.system.handled(atWheel)
		}
	})
}

func (w *wheel) nextDue() *actor.PID {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.slots[wheelDue]
	if e == nil {
		return nil
	}
	w.unlink(e)
	return e.pid
}

// rest has the wheel turn again.
func (w *wheel) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waking = false
	if w.timer != nil {
		w.timer.Reset(untilTick())
	}
	for _, passed := range w.probes {
		passed <- atWheel
	}
	w.probes = nil
}

// stop stops the ticks, when the connections are gone.
func (w *wheel) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
}

// probe asks the wheel to say that it makes progress; passed has room for that. One that has not come to so many probes does not.
func (w *wheel) probe(passed chan<- station) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !w.waking:
		passed <- atWheel
	case len(w.probes) < maxWheelProbes:
		w.probes = append(w.probes, passed)
	}
}

// advance moves on by one slot, and the connections that are due to wheelDue. mu is held.
func (w *wheel) advance(now time.Time) {
	if !w.last.IsZero() && now.Sub(w.last) > wheelGrace*wheelTick {
		w.grace = wheelGrace
	}
	w.last = now
	if w.grace > 0 {
		w.grace--
		return
	}
	w.now = (w.now + 1) % wheelSlots
	for e := w.slots[w.now]; e != nil; e = w.slots[w.now] {
		w.unlink(e)
		w.link(e, wheelDue)
	}
}
