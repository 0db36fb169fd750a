package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
)

const (
	// wakeTime is how often the mapper looks at what waits: the database may be due to be asked again,
	// and the time of those that wait may be over.
	wakeTime = time.Second
	// staleTime is how long an event waits for fresh rows when there are stale ones.
	staleTime = time.Second
	// An event waits for the rows of an unknown storage for maxWait, among maxWaiting others. More
	// may wait for overflowWait, for a database that answers copes with more in that time.
	maxWait, maxWaiting, overflowWait = time.Minute, 10_000, time.Second
)

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
		wait := wakeTime
		if until := m.retryAt - m.system.now(); m.failing && until > 0 {
			wait = min(wait, until)
		}
		root, self := m.system.root, ctx.Self()
		m.wake = time.AfterFunc(wait, func() { root.Send(self, &mapperWake{}) })
	}
}

func (m *mapper) stopWaking() {
	if m.wake != nil {
		m.wake.Stop()
	}
}

func (m *mapper) onWake(ctx actor.Context) {
	m.wake = nil
	due := !m.failing || m.system.now() >= m.retryAt
	if due {
		m.query(ctx)
	}
	m.useStale(ctx, staleTime)
	m.dropExpired()
	if due && m.failing && m.queries == 0 {
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

func (m *mapper) lose(events int) {
	m.system.counters.expired.Add(int64(events))
	m.expired.Warn("", zap.Int("waiting", m.waitingEvents))
}
