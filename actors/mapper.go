package actors

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"go.uber.org/zap"
)

const (
	// What is known about a storage is good for cacheTime, and up to cacheSpread longer.
	cacheTime, cacheSpread = 4 * time.Minute, time.Minute
	// The cache is bounded by storages and by their rows together.
	maxStorages, maxRows = 32768, 500_000

	maxQueries   = 2   // under way at once; one more is one for a user
	maxBatch     = 200 // storages in one query
	queryTimeout = 10 * time.Second

	// wakeTime is how often the mapper looks at what waits: the database is asked again, and the
	// time of those that wait may be over.
	wakeTime = time.Second
	// noStorage is what the database is asked for only to see whether it answers: Nextcloud's
	// storages are numbered from 1.
	noStorage = 0
	// staleTime is how long an event waits for fresh rows when there are stale ones.
	staleTime = time.Second
	// An event waits for the rows of an unknown storage for maxWait, among maxWaiting others. More
	// may wait for overflowWait, for a database that answers copes with more in that time.
	maxWait, maxWaiting, overflowWait = time.Minute, 10_000, time.Second

	// settleMounts is when a user who gained something is looked at again: Nextcloud writes a new
	// mount down only when that user comes next, most likely because of the push.
	settleMounts = 30 * time.Second
	// More than maxGained users are not looked at one by one: everything cached is out of date then.
	maxGained = 1000
)

// mapper is the actor that knows who sees which storage.
//
// It answers from its cache. Where that has nothing, all events for a storage wait for one query,
// and storages that wait together are asked for together. The queries run in goroutines, and as
// long as the database fails, stale rows are used and events for unknown storages wait.
type mapper struct {
	system  *System
	cache   *simplelru.LRU[uint32, *storageUsers]
	rows    int // in the cache
	expired *Fold

	waiting       map[uint32]*waitingStorage
	waitingEvents int
	queries       int  // under way
	failing       bool // the last query failed
	wake          *time.Timer

	gained       []string // users to ask for
	askingUser   bool
	toBeReminded map[string]struct{} // users whose userSettled is on its way
	allReminded  bool                // and allSettled is
	freshFrom    time.Duration       // what was found until then is out of date

	bursts map[uint32]*burst
}

// waitingStorage is a storage that is being asked for, or soon will be.
type waitingStorage struct {
	events []waitingEvent
	asked  bool
}

type waitingEvent struct {
	StorageUpdate
	since  time.Duration
	inside bool // the gate, where it has its place for as long as it waits
}

// newMapper returns the next incarnation: before is the one that failed, nil where there is none. What
// can be asked for again is left behind, for it may be what that one failed at.
func newMapper(system *System, before *mapper) *mapper {
	m := &mapper{
		system:       system,
		expired:      NewFold(system.log, "file events are lost, for the database does not say whom they concern"),
		waiting:      map[uint32]*waitingStorage{},
		toBeReminded: map[string]struct{}{},
		bursts:       map[uint32]*burst{},
	}
	m.cache, _ = simplelru.NewLRU(maxStorages, func(_ uint32, users *storageUsers) { m.rows -= users.rows })
	if before != nil {
		m.waiting, m.waitingEvents, m.bursts = before.waiting, before.waitingEvents, before.bursts
		m.gained, m.toBeReminded, m.allReminded = before.gained, before.toBeReminded, before.allReminded
	}
	return m
}

// Receive handles one message.
func (m *mapper) Receive(ctx actor.Context) {
	defer m.system.handled(atMapper)
	defer m.system.reportPanic(ctx)
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		m.onStarted(ctx)
	case *storageChanged:
		m.onStorageChanged(ctx, msg)
	case *mountsFound:
		m.onMountsFound(ctx, msg)
	case *mapperWake:
		m.onWake(ctx)
	case *burstDue:
		m.onBurstDue(ctx, msg)
	case *userGained:
		m.onUserGained(ctx, msg.user)
	case *userSettled:
		delete(m.toBeReminded, msg.user)
		m.lookAtUser(ctx, msg.user)
	case *allSettled:
		m.allReminded, m.freshFrom = false, m.system.now()
	case *userMountsFound:
		m.onUserMountsFound(ctx, msg)
	case *probe:
		msg.passed <- atMapper
		m.system.tellRegistries(msg)
	case *actor.Stopping:
		m.stopWaking()
		m.letGo()
	case *actor.Restarting:
		m.stopWaking()
	}
}

// onStarted asks for what the incarnation before left waiting, but not at once: if that is what it
// failed at, this fails once a second, until those that wait have waited long enough.
func (m *mapper) onStarted(ctx actor.Context) {
	for storage := range m.bursts {
		m.scheduleBurst(ctx, storage)
	}
	if len(m.waiting) == 0 {
		m.lookUp(ctx, []uint32{noStorage})
		return
	}
	for _, w := range m.waiting {
		w.asked = false
	}
	m.startWaking(ctx)
}

func (m *mapper) onStorageChanged(ctx actor.Context, e *storageChanged) {
	inside := false
	defer func() {
		if !inside {
			m.system.gate.leave(len(e.Path))
		}
	}()
	users, known := m.cache.Get(e.Storage)
	crowded := m.waitingEvents >= maxWaiting
	switch now := m.system.now(); {
	case known && now < users.until && users.found > m.freshFrom:
		m.tell(ctx, e.StorageUpdate, users)
	case known && (m.failing || crowded):
		m.tell(ctx, e.StorageUpdate, users)
		m.ask(ctx, e.Storage)
	case m.failing && crowded:
		m.lose(1)
	default:
		w := m.ask(ctx, e.Storage)
		inside = crowded
		w.events = append(w.events, waitingEvent{e.StorageUpdate, now, inside})
		m.waitingEvents++
	}
}

func (m *mapper) lose(events int) {
	m.system.counters.expired.Add(int64(events))
	m.expired.Warn(zap.Int("waiting", m.waitingEvents))
}

// ask has a storage asked for, unless it is already.
func (m *mapper) ask(ctx actor.Context, storage uint32) *waitingStorage {
	w := m.waiting[storage]
	if w == nil {
		w = &waitingStorage{}
		m.waiting[storage] = w
		m.startWaking(ctx)
		if !m.failing {
			m.query(ctx)
		}
	}
	return w
}

// query asks for the storages that wait, in as few queries as may be.
func (m *mapper) query(ctx actor.Context) {
	for m.queries < maxQueries {
		storages := m.nextBatch()
		if len(storages) == 0 {
			return
		}
		m.system.counters.mappingQueries.Add(1)
		m.lookUp(ctx, storages)
	}
}

func (m *mapper) lookUp(ctx actor.Context, storages []uint32) {
	m.queries++
	system, self := m.system, ctx.Self()
	system.spawnWorker(func() {
		limited, cancel := context.WithTimeout(system.ctx, queryTimeout)
		defer cancel()
		var mounts []Mount
		err := system.guarded("mounts", func() (err error) {
			mounts, err = system.ports.Mounts.MountsOfStorages(limited, storages)
			return err
		})
		system.root.Send(self, &mountsFound{m, storages, mounts, err})
	})
}

func (m *mapper) nextBatch() (storages []uint32) {
	for storage, w := range m.waiting {
		if len(storages) == maxBatch {
			break
		}
		if !w.asked {
			w.asked = true
			storages = append(storages, storage)
		}
	}
	return storages
}

func (m *mapper) onMountsFound(ctx actor.Context, found *mountsFound) {
	if found.asker != m {
		return
	}
	m.queries--
	m.onAnswer(ctx, found.err)
	if found.err != nil {
		for _, storage := range found.storages {
			if w := m.waiting[storage]; w != nil {
				w.asked = false
			}
		}
		m.useStale(ctx, 0)
		m.dropExpired()
		return
	}
	byStorage := make(map[uint32][]Mount, len(found.storages))
	for _, mount := range found.mounts {
		byStorage[mount.Storage] = append(byStorage[mount.Storage], mount)
	}
	for _, storage := range found.storages {
		if m.waiting[storage] == nil {
			continue // nobody asked, but for whether the database answers
		}
		users := newStorageUsers(byStorage[storage])
		users.found = m.system.now()
		users.until = users.found + cacheTime + rand.N(cacheSpread)
		m.remember(storage, users)
		m.deliver(ctx, storage, users)
		delete(m.waiting, storage)
	}
	m.query(ctx)
}

// onAnswer notes whether the database answered.
func (m *mapper) onAnswer(ctx actor.Context, err error) {
	m.failing = err != nil
	if m.failing {
		m.system.problem(problemMounts, err)
		m.startWaking(ctx)
		return
	}
	m.system.solved(problemMounts)
}

func (m *mapper) remember(storage uint32, users *storageUsers) {
	if old, known := m.cache.Peek(storage); known {
		m.rows -= old.rows
	}
	m.cache.Add(storage, users)
	for m.rows += users.rows; m.rows > maxRows && m.cache.Len() > 1; {
		m.cache.RemoveOldest()
	}
}

// deliver tells the users of all events that wait for a storage.
func (m *mapper) deliver(ctx actor.Context, storage uint32, users *storageUsers) {
	w := m.waiting[storage]
	for len(w.events) > 0 {
		e := w.events[0]
		w.events = w.events[1:]
		m.waitedFor(e)
		m.tell(ctx, e.StorageUpdate, users)
	}
}

// waitedFor lets go of an event that does not wait any more.
func (m *mapper) waitedFor(e waitingEvent) {
	m.waitingEvents--
	if e.inside {
		m.system.gate.leave(len(e.Path))
	}
}

// useStale delivers events that waited that long with stale rows, where there are any.
func (m *mapper) useStale(ctx actor.Context, waited time.Duration) {
	for storage, w := range m.waiting {
		if len(w.events) == 0 || m.system.now()-w.events[0].since < waited {
			continue
		}
		if users, known := m.cache.Peek(storage); known {
			m.deliver(ctx, storage, users)
		}
	}
}

func (m *mapper) startWaking(ctx actor.Context) {
	if m.wake == nil {
		root, self := m.system.root, ctx.Self()
		m.wake = time.AfterFunc(wakeTime, func() { root.Send(self, &mapperWake{}) })
	}
}

func (m *mapper) stopWaking() {
	if m.wake != nil {
		m.wake.Stop()
	}
}

func (m *mapper) onWake(ctx actor.Context) {
	m.wake = nil
	m.query(ctx)
	m.useStale(ctx, staleTime)
	m.dropExpired()
	if m.failing && m.queries == 0 {
		m.lookUp(ctx, []uint32{noStorage})
	}
	if len(m.waiting) > 0 || m.failing {
		m.startWaking(ctx)
	}
}

func (m *mapper) dropExpired() {
	for storage, w := range m.waiting {
		kept := w.events[:0]
		for _, e := range w.events {
			if m.patient(e) {
				kept = append(kept, e)
			} else {
				m.waitedFor(e)
			}
		}
		if lost := len(w.events) - len(kept); lost > 0 {
			m.lose(lost)
		}
		if w.events = kept; len(kept) == 0 && !w.asked {
			delete(m.waiting, storage)
		}
	}
}

// patient reports whether an event may wait on.
func (m *mapper) patient(e waitingEvent) bool {
	waited := m.system.now() - e.since
	if e.inside {
		return !m.failing && waited < overflowWait
	}
	return waited < maxWait
}

// letGo gives back what waiting events hold, for they end with the mapper.
func (m *mapper) letGo() {
	for _, w := range m.waiting {
		for _, e := range w.events {
			m.waitedFor(e)
		}
	}
}

func (m *mapper) onUserGained(ctx actor.Context, user string) {
	m.lookAtUser(ctx, user)
	settled := m.system.now() + settleMounts
	switch _, known := m.toBeReminded[user]; {
	case known:
	case len(m.toBeReminded) < maxGained:
		m.toBeReminded[user] = struct{}{}
		m.system.calendar.add(settled, ctx.Self(), &userSettled{user})
	case !m.allReminded:
		m.allReminded = true
		m.system.calendar.add(settled, ctx.Self(), &allSettled{})
	}
}

func (m *mapper) lookAtUser(ctx actor.Context, user string) {
	switch {
	case slices.Contains(m.gained, user):
	case len(m.gained) < maxGained:
		m.gained = append(m.gained, user)
	default:
		m.freshFrom = m.system.now()
	}
	m.queryUser(ctx)
}

// queryUser asks for the mounts of the next user.
func (m *mapper) queryUser(ctx actor.Context) {
	if m.askingUser || len(m.gained) == 0 {
		return
	}
	user := m.gained[0]
	m.gained = m.gained[1:]
	m.askingUser = true
	m.system.counters.mappingQueries.Add(1)
	system, self := m.system, ctx.Self()
	system.spawnWorker(func() {
		limited, cancel := context.WithTimeout(system.ctx, queryTimeout)
		defer cancel()
		var mounts []Mount
		err := system.guarded("mounts", func() (err error) {
			mounts, err = system.ports.Mounts.MountsOfUser(limited, user)
			return err
		})
		system.root.Send(self, &userMountsFound{m, user, mounts, err})
	})
}

// onUserMountsFound adds the user to what is cached. What the user has lost stays until its time
// is over: being told of one's former files does less harm than not being told of new ones.
func (m *mapper) onUserMountsFound(ctx actor.Context, found *userMountsFound) {
	if found.asker != m {
		return
	}
	m.askingUser = false
	m.onAnswer(ctx, found.err)
	if found.err != nil {
		m.freshFrom = m.system.now() // for what the user gained may be in any storage
	}
	for _, mount := range found.mounts {
		if users, known := m.cache.Peek(mount.Storage); known {
			m.remember(mount.Storage, users.with(mount))
		}
	}
	m.queryUser(ctx)
}
