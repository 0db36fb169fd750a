package actors

import (
	"cmp"
	"slices"
	"time"

	"github.com/notifypush/notifypush/internal/backoff"
)

const (
	// A file event is matched once more against rows that were asked for at least rereadAfter after it:
	// Nextcloud writes a mount down only when its user comes next.
	rereadAfter = 2 * time.Second
	// While files change in a storage and its rows stay the same, they are read again after twice the time
	// each time, up to rereadAtMost, and then as seldom as seldom says. A share, a group or a notification
	// event brings rereadAfter back for hotTime, and older rows are read before they are used.
	rereadAtMost, hotTime = 30 * time.Second, time.Minute
	// rowsPerSecond are read of one storage while nothing changes, and seldomAtMost is the most between two.
	rowsPerSecond, seldomAtMost = 200, 5 * time.Minute
	// Rereading pauses for slowdown times of what the last query took, which is 5 % of a connection.
	slowdown = 20
	// One query reads so many storages again, and as many rows as there were before.
	maxRereadStorages, maxRereadRows = 1000, 100_000

	maxQueries = 2   // under way at once for events that wait
	maxBatch   = 200 // storages in one of them
	// The wait before a database that failed is asked again grows from the first to the last, which is
	// short: what waits has a minute. Where a query took long before it failed, it grows from what that
	// took to slowQueryRetry.
	firstQueryRetry, lastQueryRetry, slowQueryRetry = time.Second, 2 * time.Second, 2 * time.Minute
	// noStorage is what the database is asked for only to see whether it answers: Nextcloud's
	// storages are numbered from 1.
	noStorage = 0
)

// mountsQuery asks the database for the rows of storages.
type mountsQuery struct {
	storages []uint64
	asked    time.Duration
	again    bool     // their rows are known, and may have changed
	learned  []uint64 // storages of which another server has sent the rows meanwhile
}

// knownStorage is what the cache has of a storage.
type knownStorage struct {
	users    *storageUsers
	asked    time.Duration // when its rows were asked for
	distance time.Duration // from then to the next time, where a file has changed
}

// seldom is how old rows become while nothing changes.
func (k *knownStorage) seldom() time.Duration {
	return min(max(time.Duration(k.users.rows)*time.Second/rowsPerSecond, rereadAtMost), seldomAtMost)
}

// next returns the distance after rows that were asked for then, and had not changed.
func (k *knownStorage) next(asked time.Duration) time.Duration {
	if k.distance >= rereadAtMost {
		return k.seldom()
	}
	return min(2*max(k.distance, asked-k.asked), rereadAtMost)
}

// recentChanges have been matched, and are to be once more. Of more than a push names, only that there were
// some is kept. The zero value has none.
type recentChanges struct {
	files       []recentChange
	tooMany     bool
	first, last time.Duration // when
}

type recentChange struct {
	path string
	id   uint64
	at   time.Duration
}

func (r *recentChanges) add(c recentChange) {
	if len(r.files) == 0 && !r.tooMany {
		r.first = c.at
	}
	r.last = c.at
	if r.tooMany {
		return
	}
	for i := range r.files {
		if r.files[i].id == c.id && r.files[i].path == c.path {
			r.files[i].at = c.at
			return
		}
	}
	if len(r.files) == maxFileIDs {
		r.files, r.tooMany = nil, true
		return
	}
	r.files = append(r.files, c)
}

// settle forgets the changes that were matched with rows that were asked for rereadAfter after them, or later.
func (r *recentChanges) settle(asked time.Duration) {
	if asked-r.last >= rereadAfter {
		*r = recentChanges{}
		return
	}
	if r.tooMany {
		r.first = r.last
		return
	}
	kept := r.files[:0]
	r.first = r.last
	for _, c := range r.files {
		if asked-c.at < rereadAfter {
			kept = append(kept, c)
			r.first = min(r.first, c.at)
		}
	}
	clear(r.files[len(kept):])
	r.files = kept
}

// push returns the push for who sees what is below root and didn't until now; nil where nothing changed there.
func (r *recentChanges) push(root string) *push {
	if r.tooMany {
		return filePush
	}
	var changed fileIDs
	for _, c := range r.files {
		if covers(root, c.path) {
			changed.add(c.id)
		}
	}
	if len(changed.ids) == 0 {
		return nil
	}
	return changed.push()
}

func (s *activeStorage) isRecent() bool {
	return s != nil && (len(s.recent.files) > 0 || s.recent.tooMany)
}

// mountsMayChange says that a user has other mounts now, or will have soon.
func (m *mapping) mountsMayChange(now time.Duration) { m.hotUntil = now + hotTime }

// isFresh reports whether an event may be matched at once with rows that nobody is about to read again.
func (m *mapping) isFresh(known *knownStorage, now time.Duration) bool {
	good := known.seldom()
	if now < m.hotUntil {
		good = min(good, max(rereadAfter, m.rest))
	}
	return now-known.asked <= good
}

// query asks for the storages that events wait for, in as few queries as may be.
func (m *mapping) query(now time.Duration) {
	for m.queries < maxQueries {
		storages := m.nextBatch(now)
		if len(storages) == 0 {
			return
		}
		m.ask(mountsQuery{storages: storages, asked: now})
	}
}

func (m *mapping) nextBatch(now time.Duration) (storages []uint64) {
	for len(m.unread) > 0 && len(storages) < maxBatch {
		storage := m.unread[0]
		if s := m.active[storage]; s != nil && len(s.waiting) > 0 && !s.asked {
			if due := s.waiting[0].since + m.patience.first; due > now {
				m.nextQuery = due
				break
			}
			storages = append(storages, storage)
		}
		m.unread = m.unread[1:]
	}
	return storages
}

// reread asks for the storages that are due to be read again, in one query.
func (m *mapping) reread(now time.Duration) {
	if m.failing || m.rereading || now < m.rereadAt {
		return
	}
	var storages []uint64
	rows := 0
	for storage, s := range m.active {
		known, ok := m.cache.Peek(storage)
		if !ok { // its rows had to make room for others
			s.recent = recentChanges{}
			m.forgetIdle(storage, s)
			continue
		}
		if s.asked || !s.isRecent() || now < m.rereadDue(s, known, now) {
			continue
		}
		storages = append(storages, storage)
		rows += known.users.rows
		if len(storages) == maxRereadStorages || rows >= maxRereadRows {
			break
		}
	}
	if len(storages) > 0 {
		m.ask(mountsQuery{storages: storages, asked: now, again: true})
	}
}

func (m *mapping) rereadDue(s *activeStorage, known *knownStorage, now time.Duration) time.Duration {
	distance := known.distance
	if now < m.hotUntil {
		distance = rereadAfter
	}
	return max(known.asked+distance, s.recent.first+rereadAfter) + m.patience.again
}

// probe asks whether the database answers.
func (m *mapping) probe(now time.Duration) {
	m.ask(mountsQuery{storages: []uint64{noStorage}, asked: now})
}

// ping asks whether the database is still there, unless an answer is awaited already.
func (m *mapping) ping(now time.Duration) {
	if m.nextPing = 0; !m.failing && m.queries == 0 && !m.rereading {
		m.probe(now)
	}
}

func (m *mapping) ask(q mountsQuery) {
	if q.again {
		m.rereading = true
	} else {
		m.queries++
	}
	for _, storage := range q.storages {
		if s := m.active[storage]; s != nil {
			s.asked = true
		}
	}
	m.effects.queries = append(m.effects.queries, q)
}

// retry asks for what waits, where a database that failed is due to be asked again.
func (m *mapping) retry(now time.Duration) {
	if m.failing && now < m.retryAt {
		return
	}
	m.query(now)
	if m.failing && m.queries == 0 {
		m.probe(now)
	}
}

// answered takes the answer to a query: who sees the storages that somebody sees.
func (m *mapping) answered(q mountsQuery, found map[uint64]*storageUsers, err error, now time.Duration) {
	if q.again {
		m.rereading = false
		m.rest = slowdown * (now - q.asked)
		m.rereadAt = max(m.rereadAt, now+m.rest)
	} else {
		m.queries--
	}
	if err != nil {
		m.failed(q, now)
		return
	}
	m.failing, m.failures = false, 0
	if m.pingAfter > 0 && (len(q.storages) > 0 || m.nextPing == 0) { // else another server has answered
		m.nextPing = now + m.pingAfter
	}
	for _, storage := range q.learned {
		if s := m.active[storage]; s != nil {
			s.asked = false
			m.forgetIdle(storage, s)
		}
	}
	for _, storage := range q.storages {
		if s := m.active[storage]; s != nil { // else nobody wants to know but whether the database answers
			s.asked = false
			m.update(storage, s, cmp.Or(found[storage], nobody), q.asked, now)
			m.forgetIdle(storage, s)
		}
	}
	m.query(now)
}

// failed notes that a query failed, and when the next one is due.
func (m *mapping) failed(q mountsQuery, now time.Duration) {
	m.failing = true
	if now >= m.retryAt { // else that other query was of the same attempt
		wait := backoff.Wait(m.failures, firstQueryRetry, lastQueryRetry)
		if m.failures > 0 {
			wait = max(wait, min((now-q.asked)<<min(m.failures-1, 10), slowQueryRetry))
		}
		m.retryAt = now + wait
		m.failures++
	}
	for _, storage := range slices.Concat(q.storages, q.learned) {
		if s := m.active[storage]; s != nil {
			s.asked = false
			if len(s.waiting) > 0 {
				m.unread = append(m.unread, storage)
			}
		}
	}
	for storage, s := range m.active {
		m.useStale(storage, s, 0, now)
		m.dropExpired(storage, s, now)
	}
	m.tickAt(max(m.retryAt, now+1))
}

// update takes the rows of a storage: the users who appear in them are sent what they missed, and what waits is
// matched.
func (m *mapping) update(storage uint64, s *activeStorage, users *storageUsers, asked, now time.Duration) {
	distance := rereadAfter
	before, known := m.cache.Peek(storage)
	if known && before.asked > asked { // they were learned meanwhile
		m.matchWaiting(s, before.users, now)
		return
	}
	if known && s.isRecent() {
		appeared, changed := users.newSince(before.users)
		for _, r := range appeared {
			if push := s.recent.push(r.root); push != nil {
				m.push(r.users, push)
			}
		}
		if !changed {
			users, distance = before.users, before.next(asked)
		}
		s.recent.settle(asked)
	} else {
		s.recent = recentChanges{} // there are no rows to compare with any more
	}
	m.remember(storage, knownStorage{users, asked, distance})
	m.matchWaiting(s, users, now)
}

func (m *mapping) remember(storage uint64, known knownStorage) {
	if old, was := m.cache.Get(storage); was {
		m.rows -= old.users.rows
		*old = known
	} else {
		m.cache.Add(storage, &known)
	}
	for m.rows += known.users.rows; m.rows > maxRows && m.cache.Len() > 1; {
		m.cache.RemoveOldest()
	}
}
