package loadtest

import (
	"maps"
	"sync"
)

// tally is what clients have counted since they were last told to begin anew; the first group lasts.
type tally struct {
	// Clients exist; Online of them are logged in now.
	Clients, Online int
	// EverDelivered and EverLoggedIn are Delivered and Logins since the clients were made.
	EverDelivered, EverLoggedIn int

	// Dials were made, Logins succeeded, Refused were answered with something else than "authenticated".
	Dials, Logins, Refused int
	// Endings are the connections that ended without the test's doing, and the dials that failed, by reason.
	Endings map[string]int
	// Pings were answered.
	Pings int

	// Delivered are the pushes that arrived, without Duplicates. A push that names several files counts each.
	Delivered, Duplicates int
	// OutOfOrder are those of Delivered that a later one had overtaken.
	OutOfOrder int
	// Misdelivered are pushes that reached a client of another user than they were for. Only custom events and ids of files
	// tell.
	Misdelivered int
	// Kinds are Delivered by kind.
	Kinds map[Kind]int
	// First and Last say when pushes arrived, in µs since 1970.
	First, Last int64
	// FirstLogin and LastLogin say the same of logins.
	FirstLogin, LastLogin int64
	// Strange are the messages that are no push of the contract; one of them is in Sample.
	Strange int
	Sample  string
}

// add takes another worker's tally in.
func (t *tally) add(other tally) {
	t.Clients += other.Clients
	t.Online += other.Online
	t.EverDelivered += other.EverDelivered
	t.EverLoggedIn += other.EverLoggedIn
	t.Dials += other.Dials
	t.Logins += other.Logins
	t.Refused += other.Refused
	t.Pings += other.Pings
	t.Delivered += other.Delivered
	t.Duplicates += other.Duplicates
	t.OutOfOrder += other.OutOfOrder
	t.Misdelivered += other.Misdelivered
	t.Strange += other.Strange
	if t.Sample == "" {
		t.Sample = other.Sample
	}
	t.First, t.Last = span(t.First, t.Last, other.First, other.Last)
	t.FirstLogin, t.LastLogin = span(t.FirstLogin, t.LastLogin, other.FirstLogin, other.LastLogin)
	t.Endings = sum(t.Endings, other.Endings)
	t.Kinds = sum(t.Kinds, other.Kinds)
}

// span unites two spans of time, where 0 means none.
func span(first, last, otherFirst, otherLast int64) (int64, int64) {
	if first == 0 || otherFirst != 0 && otherFirst < first {
		first = otherFirst
	}
	return first, max(last, otherLast)
}

func sum[K comparable](a, b map[K]int) map[K]int {
	if a == nil {
		a = map[K]int{}
	}
	for key, n := range b {
		a[key] += n
	}
	return a
}

// counts is the tally of one process of clients, with its histograms.
type counts struct {
	mu    sync.Mutex
	tally tally
	begun int64 // when counting began
	histograms
}

func newCounts(clients int) *counts {
	c := &counts{histograms: newHistograms()}
	c.tally.Clients = clients
	c.reset(now())
	return c
}

func (c *counts) reset(at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = at
	c.histograms.reset()
	c.tally = tally{
		Clients: c.tally.Clients, Online: c.tally.Online,
		EverDelivered: c.tally.EverDelivered, EverLoggedIn: c.tally.EverLoggedIn,
		Endings: map[string]int{}, Kinds: map[Kind]int{},
	}
}

func (c *counts) snapshot() tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	tally := c.tally
	tally.Endings = maps.Clone(tally.Endings)
	tally.Kinds = maps.Clone(tally.Kinds)
	return tally
}

// delivered counts a push of a kind that was due at a time, or at 0 when that is not known.
func (c *counts) delivered(kind Kind, due, at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &c.tally
	t.EverDelivered++
	if due > 0 && due < c.begun {
		return // of a step before, which was given up
	}
	t.Delivered++
	t.Kinds[kind]++
	t.First, t.Last = span(t.First, t.Last, at, at)
	if due > 0 {
		record(c.latency, at-due)
	}
}

func (c *counts) encode() ([][]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.histograms.encode()
}

// change changes the tally under its lock.
func (c *counts) change(f func(*tally)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.tally)
}

func (c *counts) login(dialed int64) {
	at := now()
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &c.tally
	t.Logins++
	t.EverLoggedIn++
	t.Online++
	t.FirstLogin, t.LastLogin = span(t.FirstLogin, t.LastLogin, at, at)
	record(c.loggedIn, at-dialed)
	record(c.came, at-c.begun)
}
