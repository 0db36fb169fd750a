package actors

import (
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// calendarPage is how exact the calendar is. Nothing is early; it may be that late.
const calendarPage = 10 * time.Millisecond

// calendar sends actors messages at times to come. All of the same moment share one timer and
// its goroutine: thousands have a push due at once, after an event that concerns them all.
type calendar struct {
	system *System

	mu      sync.Mutex
	pages   map[time.Duration]*page
	stopped bool
}

// page is all appointments of one moment.
type page struct {
	timer        *time.Timer
	appointments []appointment
}

type appointment struct {
	pid     *actor.PID
	message any
}

func newCalendar(system *System) *calendar {
	return &calendar{system: system, pages: map[time.Duration]*page{}}
}

// add has a message sent at a time of System.now. An appointment can't be cancelled: whoever makes
// one must be able to take the message when it has lost its sense.
func (c *calendar) add(at time.Duration, pid *actor.PID, message any) {
	at = (at + calendarPage - 1).Truncate(calendarPage)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	p := c.pages[at]
	if p == nil {
		p = &page{timer: time.AfterFunc(at-c.system.now(), func() { c.turn(at) })}
		c.pages[at] = p
	}
	p.appointments = append(p.appointments, appointment{pid, message})
}

func (c *calendar) turn(at time.Duration) {
	c.mu.Lock()
	p := c.pages[at]
	delete(c.pages, at)
	c.mu.Unlock()
	if p == nil {
		return
	}
	_ = c.system.guarded("scheduler", func() error {
		for _, a := range p.appointments {
			c.system.root.Send(a.pid, a.message)
		}
		return nil
	})
}

// stop forgets all appointments.
func (c *calendar) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	for _, p := range c.pages {
		p.timer.Stop()
	}
	clear(c.pages)
}
