package actors

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// recentTime is how long a call counts against Options.AuthConcurrency. A Nextcloud that hangs then
	// holds up nobody but those that it hangs for.
	recentTime = 5 * time.Second
	// overload is how many times Options.AuthConcurrency may be in flight, older calls included.
	overload = 4
	// verifierGrace is how long a Verifier may take to notice that its ctx has ended. One that does not
	// return even then is not waited for.
	verifierGrace = time.Second
)

// errNoAnswer is the answer of a Verifier that takes longer than Options.AuthTimeout.
var errNoAnswer = errors.New("no answer in time")

// errOtherOrigin is the answer where the same credentials came from elsewhere at the same time, and what Nextcloud
// said of those does not count here.
var errOtherOrigin = fmt.Errorf("%w, which came from two addresses at once", ErrOneLogin)

// call is one question to Nextcloud, and everybody who waits for the answer: single-flight.
type call struct {
	digest      digest
	credentials *Credentials    // until it starts, as are values
	values      context.Context // of the first that waits; nil where there are none
	asker       *authenticate   // the client whose login it counts as, even if that hangs up meanwhile
	waiting     []*authenticate // each knows its index
	recheck     *recheck        // whose question this is, too; nil where it is only the clients'

	origin    *origin // nil for a recheck
	place     *list.Element
	queuedAt  time.Duration
	startedAt time.Duration // 0 while it waits
	recent    bool          // in flight, and counts against the limit
}

// isOf reports whether it is asked for that origin.
func (c *call) isOf(origin string) bool { return c.origin != nil && c.origin.name == origin }

// errorFor returns what a client is answered after an error: that Nextcloud throttles an address concerns no other.
func (c *call) errorFor(m *authenticate, err error) error {
	if errors.Is(err, ErrThrottled) && !c.isOf(m.origin) {
		return errOtherOrigin
	}
	return err
}

// join adds a client to those that wait.
func (c *call) join(m *authenticate) {
	m.call, m.index = c, len(c.waiting)
	c.waiting = append(c.waiting, m)
	if c.startedAt > 0 && c.asker == nil { // a recheck until now
		c.asker = m
	}
}

// leave removes a client from those that wait.
func (c *call) leave(m *authenticate) {
	last := len(c.waiting) - 1
	c.waiting[m.index] = c.waiting[last]
	c.waiting[m.index].index = m.index
	c.waiting[last] = nil
	c.waiting = c.waiting[:last]
	m.call = nil
}

// callsInFlight are the calls in flight, oldest first. The recent ones count against the limit.
type callsInFlight struct {
	calls       list.List     // of *call
	firstRecent *list.Element // all behind it are recent, too; nil where none is
	recent      int           // how many are
	rechecks    int           // how many are rechecks alone
}

func (f *callsInFlight) start(c *call, now time.Duration) {
	c.startedAt, c.recent = now, true
	c.place = f.calls.PushBack(c)
	f.recent++
	if f.firstRecent == nil {
		f.firstRecent = c.place
	}
	if c.origin == nil {
		f.rechecks++
		return
	}
	c.origin.inFlight++
	c.origin.recent++
}

func (f *callsInFlight) end(c *call) {
	if f.pastRecent(c); c.origin == nil {
		f.rechecks--
	} else {
		c.origin.inFlight--
	}
	f.calls.Remove(c.place)
}

// pastRecent has a call no longer count against the limit.
func (f *callsInFlight) pastRecent(c *call) {
	if !c.recent {
		return
	}
	c.recent = false
	f.recent--
	if f.firstRecent == c.place {
		f.firstRecent = c.place.Next()
	}
	if c.origin != nil {
		c.origin.recent--
	}
}

// age moves on the calls that are no longer recent.
func (f *callsInFlight) age(now time.Duration) {
	for c := callAt(f.firstRecent); c != nil && now >= c.startedAt+recentTime; c = callAt(f.firstRecent) {
		f.pastRecent(c)
	}
}

// expired returns the oldest call if it has lasted for longer than that, else nil.
func (f *callsInFlight) expired(now, timeout time.Duration) *call {
	if c := callAt(f.calls.Front()); c != nil && now >= c.startedAt+timeout {
		return c
	}
	return nil
}

// callAt returns the call at a place in a list; nil for none.
func callAt(place *list.Element) *call {
	if place == nil {
		return nil
	}
	return place.Value.(*call)
}
