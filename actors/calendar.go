package actors

import (
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// calendarPage is how exact the calendar is. Nothing is early; it may be that late.
const calendarPage = 10 * time.Millisecond

// calendar sends connections messages at times to come. All of the same moment share one timer and
// its goroutine: thousands have a push due at once, after an event that concerns them all.
type calendar struct {
	system *System

	mu    sync.Mutex
	pages map[time.Duration][]appointment
}

type appointment struct {
	pid     *actor.PID
	message any
}

func newCalendar(system *System) *calendar {
	return &calendar{system: system, pages: map[time.Duration][]appointment{}}
}

// add has a message sent at a time of System.now. An appointment can't be cancelled: whoever makes
// one must be able to take the message when it has lost its sense.
func (c *calendar) add(at time.Duration, pid *actor.PID, message any) {
	page := (at + calendarPage - 1).Truncate(calendarPage)
	c.mu.Lock()
	appointments, open := c.pages[page]
	c.pages[page] = append(appointments, appointment{pid, message})
	c.mu.Unlock()
	if !open {
		time.AfterFunc(page-c.system.now(), func() { c.turn(page) })
	}
}

func (c *calendar) turn(page time.Duration) {
	c.mu.Lock()
	appointments := c.pages[page]
	delete(c.pages, page)
	c.mu.Unlock()
	for _, a := range appointments {
		c.system.root.Send(a.pid, a.message)
	}
}
