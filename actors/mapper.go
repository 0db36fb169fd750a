package actors

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/notifypush/notifypush/internal/logthrottle"
)

const (
	queryTimeout = 10 * time.Second
	// logInterval is how often it is logged that events are dropped, while that goes on.
	logInterval = time.Minute
)

// mapper is the actor that knows who sees which storage. It hands what happens to a mapping, and carries out
// its effects; queries run in goroutines that send their answers.
type mapper struct {
	system  *System
	dropped *logthrottle.Line
	unknown *logthrottle.Line
	mapping *mapping
	wakesAt time.Duration // the earliest mapperWake on its way; 0 is none
}

// newMapper returns the next incarnation: before is the one that failed, nil where there is none.
func newMapper(system *System, before *mapper) *mapper {
	if before != nil {
		return &mapper{system: system, dropped: before.dropped, unknown: before.unknown, mapping: before.mapping.successor()}
	}
	return &mapper{
		system:  system,
		dropped: logthrottle.New(system.log, logInterval, "file events dropped: "+system.names[problemMounts]+" unavailable", ""),
		unknown: logthrottle.New(system.log, time.Hour, "most file events are of storages that nobody has mounted", ""),
		mapping: newMapping(longestBurst(system.options.Load())),
	}
}

func longestBurst(options *Options) time.Duration {
	if options.NoDebounce {
		return 0
	}
	return maxBurst(*options.MaxDebounceTime)
}

// pingAfter returns how long the database may be silent before it is asked whether it is there.
func (s *System) pingAfter() time.Duration {
	if _, none := s.ports.Mounts.(noMounts); none {
		return 0
	}
	return *s.options.Load().MountsPing
}

func (m *mapper) Receive(ctx actor.Context) {
	defer m.system.handled(atMapper)
	defer m.system.reportPanic(ctx)
	m.mapping.maxBurst, m.mapping.pingAfter = longestBurst(m.system.options.Load()), m.system.pingAfter()
	m.mapping.patience = m.system.patience()
	now := m.system.now()
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		m.mapping.start(now)
	case *storageChanged:
		m.onStorageChanged(msg, now)
	case *mountsMayChange:
		m.mapping.mountsMayChange(now)
	case *mountsFound:
		m.onMountsFound(msg, now)
	case *mountsLearned:
		m.mapping.learn(msg, now)
	case *mapperWake:
		m.onWake(now)
	case *probe:
		msg.passed <- atMapper
		m.system.sendRegistries(msg)
	case *actor.Stopping:
		m.mapping.stop()
	}
	m.carryOut(ctx)
}

func (m *mapper) onStorageChanged(e *storageChanged, now time.Duration) {
	holds := false
	defer func() {
		if !holds {
			m.system.inFlight.release(len(e.Path))
		}
	}()
	holds = m.mapping.fileChanged(e.StorageUpdate, now)
}

func (m *mapper) onMountsFound(found *mountsFound, now time.Duration) {
	if found.asker != m {
		return
	}
	readHere := len(found.query.storages) > 0 || m.mapping.pingAfter == 0 // else the next ping says how the database is
	switch {
	case found.err == nil && readHere:
		m.system.solved(problemMounts)
	case found.err != nil && m.system.ctx.Err() == nil: // else the query was ended with the system
		m.system.problem(problemMounts, found.err)
	}
	m.mapping.answered(found.query, found.users, found.err, now)
}

func (m *mapper) onWake(now time.Duration) {
	if now >= m.wakesAt { // else it was meant for the incarnation before
		m.wakesAt = 0
		m.mapping.wake(now)
	}
}

func (m *mapper) carryOut(ctx actor.Context) {
	effects := m.mapping.take()
	for _, a := range effects.pushes {
		m.push(ctx, a)
	}
	for _, q := range effects.queries {
		m.query(ctx, q)
	}
	for _, size := range effects.released {
		m.system.inFlight.release(size)
	}
	if effects.dropped > 0 {
		m.system.counters.expired.Add(int64(effects.dropped))
		m.dropped.Warn("", zap.Int64("dropped_so_far", m.system.counters.expired.Load()))
	}
	if effects.counted {
		m.onCounted(m.mapping.unknown.count)
	}
	if at := m.mapping.wakeAt(); at > 0 && (m.wakesAt == 0 || at < m.wakesAt) {
		m.wakesAt = at
		m.system.scheduler.add(at, ctx.Self(), &mapperWake{})
	}
}

// onCounted takes how many storages nobody has mounted, where those are most.
func (m *mapper) onCounted(unknown int) {
	m.system.unknownStorages.Store(int64(unknown))
	if unknown > 0 {
		m.unknown.Warn("", zap.Int("storages", unknown), zap.String("hint", "does another Nextcloud publish on the same channels?"))
	}
}

func (m *mapper) push(ctx actor.Context, a audience) {
	for shard, names := range a.users {
		if len(names) > 0 {
			message := &pushUsers{users: names, push: a.push}
			m.system.inFlight.add(message.size())
			ctx.Send(m.system.registries[shard], message)
		}
	}
}

// query asks the database in a goroutine, which sends the answer.
func (m *mapper) query(ctx actor.Context, q mountsQuery) {
	system, self := m.system, ctx.Self()
	system.spawnWorker(func() {
		limited, cancel := context.WithTimeout(system.ctx, queryTimeout)
		defer cancel()
		mounts, err := system.answerQuery(limited, &q)
		system.root.Send(self, &mountsFound{asker: m, query: q, users: usersByStorage(mounts), err: err})
	})
}
