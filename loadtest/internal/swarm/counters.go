package swarm

import (
	"cmp"
	"maps"
	"reflect"
	"sync"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/notifypush/notifypush/loadtest/internal/clock"
)

// Counters are what clients have counted since they were last reset; the first group lasts.
type Counters struct {
	// Clients exist; Online of them are logged in now.
	Clients, Online int
	// EverDelivered and EverLoggedIn are Delivered and Logins since the clients were made.
	EverDelivered, EverLoggedIn int

	// Dials were made, Handshakes succeeded and were all that was asked for, Logins succeeded, Refused were answered with something else
	// than "authenticated".
	Dials, Handshakes, Logins, Refused int
	// Disconnects are the connections that ended without the test's doing, refused ones among them, and the dials that failed, by reason.
	Disconnects map[string]int
	// Pings were answered.
	Pings int

	// Delivered are the pushes that arrived, without Duplicates. A push that names several files counts each.
	Delivered, Duplicates int
	// Missed are the custom events that were due before a client had come back, after the last that had reached it.
	Missed int
	// OutOfOrder are those of Delivered that a later one had overtaken.
	OutOfOrder int
	// Misdelivered are pushes that reached a client of another user than they were for. Only custom events and ids of files tell.
	Misdelivered int
	// Last and LastLogin say when the last push arrived and the last login succeeded, in µs since 1970. 0: never.
	Last, LastLogin int64
	// Unexpected are the messages that are no push of the contract; one of them is Example.
	Unexpected int
	Example    string
}

// Add adds another worker's counters.
func (c *Counters) Add(other Counters) {
	sums, numbers := reflect.ValueOf(c).Elem(), reflect.ValueOf(other)
	for i := range sums.NumField() {
		if sums.Field(i).Kind() == reflect.Int {
			sums.Field(i).SetInt(sums.Field(i).Int() + numbers.Field(i).Int())
		}
	}
	c.Example = cmp.Or(c.Example, other.Example)
	c.Last, c.LastLogin = max(c.Last, other.Last), max(c.LastLogin, other.LastLogin)
	if c.Disconnects == nil {
		c.Disconnects = map[string]int{}
	}
	for reason, n := range other.Disconnects {
		c.Disconnects[reason] += n
	}
}

// Disconnected is how many connections ended.
func (c *Counters) Disconnected() (total int) {
	for _, n := range c.Disconnects {
		total += n
	}
	return total
}

// recorder counts for the clients of one process. Safe for concurrent use.
type recorder struct {
	mu       sync.Mutex
	counters Counters
	since    int64 // the last reset
	Histograms
}

func newRecorder(clients int) *recorder {
	r := &recorder{Histograms: newHistograms()}
	r.counters.Clients = clients
	r.reset(clock.Now())
	return r
}

func (r *recorder) reset(at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.since = at
	r.Histograms.reset()
	r.counters = Counters{
		Clients: r.counters.Clients, Online: r.counters.Online,
		EverDelivered: r.counters.EverDelivered, EverLoggedIn: r.counters.EverLoggedIn,
		Disconnects: map[string]int{},
	}
}

func (r *recorder) snapshot() Counters {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counters
	c.Disconnects = maps.Clone(c.Disconnects)
	return c
}

func (r *recorder) histograms() []*hdrhistogram.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.export()
}

// change changes the counters under their lock.
func (r *recorder) change(f func(*Counters)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.counters)
}

// delivered counts a push that was due at a time, or at 0 when that is not known.
func (r *recorder) delivered(due, at int64) {
	r.change(func(c *Counters) {
		c.EverDelivered++
		if due > 0 && due < r.since {
			return // of a step before, which was given up
		}
		c.Delivered++
		c.Last = max(c.Last, at)
		if due > 0 {
			Record(r.Latency, at-due)
		}
	})
}

// missed counts what a client has missed that was logged in at a time.
func (r *recorder) missed(g gap, loggedIn int64) {
	r.change(func(c *Counters) { c.Missed += g.due(r.since, loggedIn) })
}

func (r *recorder) disconnected(reason string) {
	r.change(func(c *Counters) { c.Disconnects[reason]++ })
}

func (r *recorder) refused(text string) {
	r.change(func(c *Counters) {
		c.Refused++
		c.Disconnects["refused: "+text]++
	})
}

// login counts one that began at a time, of a client that had lost its connection at another, or at 0 when it had not.
func (r *recorder) login(began, lostAt, at int64) {
	r.change(func(c *Counters) {
		c.Logins++
		c.EverLoggedIn++
		c.Online++
		c.LastLogin = max(c.LastLogin, at)
		Record(r.Login, at-began)
		Record(r.LoginEnd, at-r.since)
		if lostAt > 0 {
			Record(r.Away, at-lostAt)
		}
	})
}
