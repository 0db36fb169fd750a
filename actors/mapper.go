package actors

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/notifypush/notifypush/internal/logthrottle"
)

const (
	// What is known about a storage is good for cacheTime, and up to cacheSpread longer.
	cacheTime, cacheSpread = 4 * time.Minute, time.Minute
	// The cache is bounded by storages and by their rows together.
	maxStorages, maxRows = 32768, 500_000

	maxQueries   = 2   // under way at once; one more is one for a user
	maxBatch     = 200 // storages in one query
	queryTimeout = 10 * time.Second
	// The wait before a database that failed is asked again grows from the first to the last, which is
	// short: what waits for it has a minute.
	firstQueryRetry, lastQueryRetry = time.Second, 2 * time.Second
	// noStorage is what the database is asked for only to see whether it answers: Nextcloud's
	// storages are numbered from 1.
	noStorage = 0
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
	expired *logthrottle.Line

	waiting       map[uint32]*waitingStorage
	waitingEvents int
	queries       int  // under way
	failing       bool // the last query failed
	failures      int  // one after another
	retryAt       time.Duration
	wake          *time.Timer

	gained       []string // users to ask for
	askingUser   bool
	toBeReminded map[string]struct{} // users whose userSettled is on its way
	allReminded  bool                // and allSettled is
	freshFrom    time.Duration       // what was found until then is out of date

	bursts map[uint32]*burst
}

// newMapper returns the next incarnation: before is the one that failed, nil where there is none. What
// can be asked for again is left behind, for it may be what that one failed at.
func newMapper(system *System, before *mapper) *mapper {
	m := &mapper{
		system:       system,
		expired:      logthrottle.New(system.log, time.Second, "file events are lost, for the database does not say whom they concern", ""),
		waiting:      map[uint32]*waitingStorage{},
		toBeReminded: map[string]struct{}{},
		bursts:       map[uint32]*burst{},
	}
	m.cache, _ = simplelru.NewLRU(maxStorages, func(_ uint32, users *storageUsers) { m.rows -= users.rows })
	if before != nil {
		m.waiting, m.waitingEvents, m.bursts = before.waiting, before.waitingEvents, before.bursts
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
	m.askDatabase(ctx,
		func(limited context.Context) ([]Mount, error) {
			return m.system.ports.Mounts.MountsOfStorages(limited, storages)
		},
		func(mounts []Mount, err error) any { return &mountsFound{m, storages, mounts, err} })
}

// askDatabase runs a query in a goroutine, and sends the mapper what answer makes of its outcome. Both
// are called there, and may not touch the mapper's state.
func (m *mapper) askDatabase(ctx actor.Context, query func(context.Context) ([]Mount, error), answer func([]Mount, error) any) {
	system, self := m.system, ctx.Self()
	system.spawnWorker(func() {
		limited, cancel := context.WithTimeout(system.ctx, queryTimeout)
		defer cancel()
		var mounts []Mount
		err := system.guarded("mounts", func() (err error) {
			mounts, err = query(limited)
			return err
		})
		system.root.Send(self, answer(mounts, err))
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
	if !m.failing {
		m.failures = 0
		m.system.solved(problemMounts)
		return
	}
	if now := m.system.now(); now >= m.retryAt { // else that other query was of the same attempt
		m.retryAt = now + backoff(m.failures, firstQueryRetry, lastQueryRetry)
		m.failures++
	}
	m.system.problem(problemMounts, err)
	m.startWaking(ctx)
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
