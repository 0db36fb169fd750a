package actors

import "container/list"

// fairQueue holds the calls that wait until Nextcloud may be asked. Origins are served one after the other, so that one that
// asks for many logins delays its own alone. It also counts what is in flight by origin. Every operation
// but next takes constant time; next passes over the origins that are at their limit, of which there are few.
type fairQueue struct {
	origins map[string]*origin // with calls that wait or are in flight
	order   list.List          // of *origin with calls that wait, the next one first
}

// origin is where logins come from, such as an address.
type origin struct {
	name         string
	gateway      bool          // it stands for many clients
	waiting      list.List     // of *call
	placeInOrder *list.Element // nil while none waits
	inFlight     int
	recent       int // those in flight that count against the limit
}

func newFairQueue() fairQueue { return fairQueue{origins: map[string]*origin{}} }

// add appends a call to those of its origin.
func (q *fairQueue) add(c *call, name string, gateway bool) {
	o := q.origins[name]
	if o == nil {
		o = &origin{name: name, gateway: gateway}
		q.origins[name] = o
	}
	c.origin, c.place = o, o.waiting.PushBack(c)
	if o.placeInOrder == nil {
		o.placeInOrder = q.order.PushBack(o)
	}
}

// next takes out the call whose turn it is among the origins that have room; nil where there is none.
func (q *fairQueue) next(hasRoom func(*origin) bool) *call {
	for place := q.order.Front(); place != nil; place = place.Next() {
		o := place.Value.(*origin)
		if !hasRoom(o) {
			continue
		}
		c := callAt(o.waiting.Front())
		q.order.MoveToBack(place)
		q.take(c)
		return c
	}
	return nil
}

// remove takes out a call that waits, because nobody wants the answer any more.
func (q *fairQueue) remove(c *call) {
	q.take(c)
	q.forget(c.origin)
}

func (q *fairQueue) take(c *call) {
	o := c.origin
	o.waiting.Remove(c.place)
	c.place = nil
	if o.waiting.Len() == 0 {
		q.order.Remove(o.placeInOrder)
		o.placeInOrder = nil
	}
}

// forget drops an origin without calls.
func (q *fairQueue) forget(o *origin) {
	if o.waiting.Len() == 0 && o.inFlight == 0 {
		delete(q.origins, o.name)
	}
}

// isEmpty reports whether no call waits.
func (q *fairQueue) isEmpty() bool { return q.order.Len() == 0 }
