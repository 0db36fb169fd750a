package actors

import (
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// The cache is bounded by storages and by their rows together.
	maxStorages, maxRows = 32768, 500_000
	// tickTime is how often the mapping looks at what is due, while there is something.
	tickTime = 500 * time.Millisecond
	// staleTime is how long an event waits for fresh rows when there are stale ones.
	staleTime = time.Second
	// An event waits for the rows of an unknown storage for maxWait, among maxWaiting others. More
	// may wait for overflowWait, because a database that answers copes with more in that time.
	maxWait, maxWaiting, overflowWait = time.Minute, 10_000, time.Second
)

// mapping decides which users are sent which file push, and when the database is asked for the rows of which
// storages. It knows no clock, no database and no actor: it is given the time with each event, and leaves what
// is to be done in effects, which its owner takes and carries out.
//
// It is not safe for concurrent use. Its owner must call wake at the time that wakeAt returns, and answered
// once for each query. After a panic, successor returns one to go on with.
type mapping struct {
	maxBurst  time.Duration // 0 is no bursts
	pingAfter time.Duration // without an answer of the database, it is asked whether it is there; 0 is never
	patience  patience
	effects   mappingEffects

	cache *simplelru.LRU[uint64, *knownStorage]
	rows  int // in the cache

	active  map[uint64]*activeStorage
	unread  []uint64 // the storages of which waiting events make a query due, in order
	waiting int      // events
	bursts  map[uint64]*burst

	queries   int           // under way, for events that wait
	rereading bool          // a query is under way that reads again
	rest      time.Duration // after the last one
	rereadAt  time.Duration
	hotUntil  time.Duration

	failing  bool // the last query failed
	failures int  // one after another
	retryAt  time.Duration

	nextTick, nextBurst, nextQuery, nextPing time.Duration // 0 is none

	unknown unknownStorages
}

// mappingEffects are what a mapping wants done.
type mappingEffects struct {
	pushes   []audience
	queries  []mountsQuery
	released []int // the sizes of events that give back their places now
	dropped  int   // events
	counted  bool  // the storages that nobody has mounted are counted anew
}

// audience are the users that one push is for.
type audience struct {
	users [shards][]string
	push  *push
}

// activeStorage is a storage in which files have changed of late.
type activeStorage struct {
	waiting []waitingEvent // for rows, in order
	recent  recentChanges
	asked   bool // a query for it is under way
}

type waitingEvent struct {
	StorageUpdate
	since time.Duration
	holds bool // its place within the in-flight limit, until it is released
}

func newMapping(maxBurst time.Duration) *mapping {
	m := &mapping{maxBurst: maxBurst, active: map[uint64]*activeStorage{}, bursts: map[uint64]*burst{}}
	m.cache, _ = simplelru.NewLRU(maxStorages, func(_ uint64, known *knownStorage) { m.rows -= known.users.rows })
	return m
}

// successor returns the mapping that goes on after this one has failed, with what waits. What can be read
// again is left behind, because it may be what this one failed at.
func (m *mapping) successor() *mapping {
	next := newMapping(m.maxBurst)
	next.effects.released = m.effects.released
	next.bursts = m.bursts
	next.unknown = m.unknown
	for storage, s := range m.active {
		if len(s.waiting) > 0 {
			next.active[storage] = &activeStorage{waiting: s.waiting}
			next.unread = append(next.unread, storage)
			next.waiting += len(s.waiting)
		}
	}
	return next
}

// start asks whether the database answers, before somebody needs it. What the predecessor left waiting is
// asked for, but not at once: if that is what it failed at, this fails seldom, until those that wait have
// waited long enough.
func (m *mapping) start(now time.Duration) {
	for _, b := range m.bursts {
		b.due = now + minBurst
		m.nextBurst = b.due
	}
	if len(m.active) > 0 {
		m.nextTick = now + time.Second
		return
	}
	m.probe(now)
}

// stop releases what waits.
func (m *mapping) stop() {
	for _, s := range m.active {
		for _, e := range s.waiting {
			m.endWait(e)
		}
	}
	clear(m.active)
}

// take returns what is to be done, once.
func (m *mapping) take() mappingEffects {
	e := m.effects
	m.effects = mappingEffects{}
	return e
}

// fileChanged takes an event, and reports whether that keeps its place within the in-flight limit.
func (m *mapping) fileChanged(e StorageUpdate, now time.Duration) (holds bool) {
	known, _ := m.cache.Get(e.Storage)
	s := m.active[e.Storage]
	crowded := m.waiting >= maxWaiting
	switch {
	case known != nil && (m.failing || crowded || s.isRecent() || m.isFresh(known, now)):
		m.match(s, e, known.users, now, now)
	case m.failing && crowded:
		m.effects.dropped++
	default:
		if s == nil {
			s = m.activate(e.Storage, now)
		}
		if len(s.waiting) == 0 {
			m.unread = append(m.unread, e.Storage)
		}
		s.waiting = append(s.waiting, waitingEvent{e, now, crowded})
		m.waiting++
		if !m.failing {
			m.query(now)
		}
		return crowded
	}
	return false
}

// activate begins to keep what is due in a storage.
func (m *mapping) activate(storage uint64, now time.Duration) *activeStorage {
	s := &activeStorage{}
	m.active[storage] = s
	m.tickAt(now + tickTime)
	return s
}

func (m *mapping) tickAt(at time.Duration) { m.nextTick = earliest(m.nextTick, at) }

// wakeAt returns when wake is due; 0 is never.
func (m *mapping) wakeAt() time.Duration {
	return earliest(m.nextTick, m.nextBurst, m.nextQuery, m.nextPing, m.unknown.staleAt())
}

// wake does what is due.
func (m *mapping) wake(now time.Duration) {
	if m.nextBurst > 0 && now >= m.nextBurst {
		m.flushBursts(now)
	}
	if m.nextPing > 0 && now >= m.nextPing {
		m.ping(now)
	}
	if at := m.unknown.staleAt(); at > 0 && now >= at {
		m.unknown.look(now)
		m.effects.counted = true
	}
	if m.nextQuery > 0 && now >= m.nextQuery {
		m.nextQuery = 0
		if !m.failing {
			m.query(now)
		}
	}
	if m.nextTick == 0 || now < m.nextTick {
		return
	}
	m.nextTick = 0
	m.retry(now)
	for storage, s := range m.active {
		m.useStale(storage, s, staleTime, now)
		m.dropExpired(storage, s, now)
	}
	m.reread(now)
	if m.failing || len(m.active) > 0 {
		m.tickAt(now + tickTime)
	}
	if m.failing && m.retryAt > now {
		m.tickAt(m.retryAt)
	}
}

// match sends a push to the users who see the file, at once, or together with what else changes while the
// storage is busy; and has the event matched once more. s is nil where nothing is due in the storage.
func (m *mapping) match(s *activeStorage, e StorageUpdate, users *storageUsers, happened, now time.Duration) {
	m.effects.counted = m.unknown.note(e.Storage, users.rows > 0, now) || m.effects.counted
	if s.isRecent() || len(m.active) < maxStorages {
		if s == nil {
			s = m.activate(e.Storage, now)
		}
		s.recent.add(recentChange{e.Path, e.FileID, happened})
	}
	if b := m.bursts[e.Storage]; b != nil {
		b.add(e, users)
		return
	}
	who := users.covering(e.Path)
	n := countUsers(&who)
	if n == 0 {
		return
	}
	push := fileIDsPush(e.FileID)
	push.at = toMicros(happened)
	m.push(who, push)
	if m.maxBurst > 0 {
		m.burstAt(&burst{}, e.Storage, m.burstDue(n, now))
	}
}

func (m *mapping) push(users [shards][]string, push *push) {
	m.effects.pushes = append(m.effects.pushes, audience{users, push})
}

func (m *mapping) burstDue(users int, now time.Duration) time.Duration {
	return now + min(max(time.Duration(users)*burstTime, minBurst), m.maxBurst)
}

func (m *mapping) burstAt(b *burst, storage uint64, due time.Duration) {
	b.due = due
	m.bursts[storage] = b
	m.nextBurst = earliest(m.nextBurst, due)
}

// flushBursts sends the users of busy storages what has changed since they were sent a push. A client that
// sees the storage from several roots gets a push for each, which its outbox coalesces.
func (m *mapping) flushBursts(now time.Duration) {
	m.nextBurst = 0
	for storage, b := range m.bursts {
		if b.due > now {
			m.burstAt(b, storage, b.due)
			continue
		}
		users, files := b.take() // first, or the successor would fail at them again
		if files == nil {
			delete(m.bursts, storage)
			continue
		}
		n := 0
		for _, r := range users.roots {
			if changed := files[r.root]; changed != nil {
				m.push(r.users, changed.push())
				n += countUsers(&r.users)
			}
		}
		m.burstAt(b, storage, m.burstDue(n, now))
	}
}

// useStale matches events that have waited that long with stale rows, where there are any.
func (m *mapping) useStale(storage uint64, s *activeStorage, waited, now time.Duration) {
	if len(s.waiting) == 0 || now-s.waiting[0].since < waited {
		return
	}
	if known, ok := m.cache.Peek(storage); ok {
		m.matchWaiting(s, known.users, now)
	}
}

// matchWaiting matches all events that wait for a storage.
func (m *mapping) matchWaiting(s *activeStorage, users *storageUsers, now time.Duration) {
	for len(s.waiting) > 0 {
		e := s.waiting[0]
		s.waiting = s.waiting[1:]
		m.endWait(e)
		m.match(s, e.StorageUpdate, users, e.since, now)
	}
	s.waiting = nil
}

func (m *mapping) endWait(e waitingEvent) {
	m.waiting--
	if e.holds {
		m.effects.released = append(m.effects.released, len(e.Path))
	}
}

// dropExpired drops the events that have waited long enough, and forgets the storage where nothing is left.
func (m *mapping) dropExpired(storage uint64, s *activeStorage, now time.Duration) {
	kept := s.waiting[:0]
	for _, e := range s.waiting {
		if m.mayWait(e, now) {
			kept = append(kept, e)
		} else {
			m.endWait(e)
			m.effects.dropped++
		}
	}
	s.waiting = kept
	m.forgetIdle(storage, s)
}

func (m *mapping) mayWait(e waitingEvent, now time.Duration) bool {
	if e.holds {
		return !m.failing && now-e.since < overflowWait
	}
	return now-e.since < maxWait
}

func (m *mapping) forgetIdle(storage uint64, s *activeStorage) {
	if len(s.waiting) > 0 || s.asked || s.isRecent() {
		return
	}
	if delete(m.active, storage); len(m.active) == 0 {
		m.active, m.unread = map[uint64]*activeStorage{}, nil // they keep the size that a flood has given them
	}
}
