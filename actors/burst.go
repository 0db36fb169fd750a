package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// burstTime is how long the users of a storage are not told again of further files. A push to all
// of them may be work for thousands of connections, and their outboxes would merge it anyway.
const burstTime = 50 * time.Millisecond

// burst is what the users of a storage are to be told next. There is one from when they were told
// until a burstTime went by without an event.
type burst struct {
	users *storageUsers // as the last event found them
	files map[string]*files
}

// files are those that changed below a root, each once and in order.
type files struct {
	ids  []uint64
	seen map[uint64]struct{}
}

func (f *files) add(id uint64) {
	if _, known := f.seen[id]; known || len(f.ids) > maxHeldIDs {
		return
	}
	f.seen[id] = struct{}{}
	f.ids = append(f.ids, id)
}

func (f *files) push() *Push {
	if len(f.ids) > maxHeldIDs {
		return filePush
	}
	return fileIDsPush(f.ids...)
}

func (b *burst) add(e StorageUpdate, users *storageUsers) {
	b.users = users
	if b.files == nil {
		b.files = make(map[string]*files, 1)
	}
	for _, r := range users.roots {
		if !covers(r.root, e.Path) {
			continue
		}
		if b.files[r.root] == nil {
			b.files[r.root] = &files{seen: map[uint64]struct{}{}}
		}
		b.files[r.root].add(e.FileID)
	}
}

// tell has all users told who see the file: at once, or together with what else changes while the
// storage is busy.
func (m *mapper) tell(ctx actor.Context, e StorageUpdate, users *storageUsers) {
	if b := m.bursts[e.Storage]; b != nil {
		b.add(e, users)
		return
	}
	if m.push(ctx, users.covering(e.Path), fileIDsPush(e.FileID)) && !m.system.options.NoDebounce {
		m.bursts[e.Storage] = &burst{}
		m.scheduleBurst(ctx, e.Storage)
	}
}

func (m *mapper) scheduleBurst(ctx actor.Context, storage uint32) {
	m.system.calendar.add(m.system.now()+burstTime, ctx.Self(), &burstDue{m, storage})
}

// onBurstDue tells the users of what has changed since they were told. Whoever sees the storage
// from several roots gets a push for each, which the outbox merges.
func (m *mapper) onBurstDue(ctx actor.Context, due *burstDue) {
	if due.asker != m {
		return
	}
	b := m.bursts[due.storage]
	if b.files == nil {
		delete(m.bursts, due.storage)
		return
	}
	users, changed := b.users, b.files
	b.users, b.files = nil, nil // first, or the next incarnation would fail at them again
	m.scheduleBurst(ctx, due.storage)
	for _, r := range users.roots {
		if files := changed[r.root]; files != nil {
			m.push(ctx, r.users, files.push())
		}
	}
}

// push sends a push to users, and reports whether there are any.
func (m *mapper) push(ctx actor.Context, users [shards][]string, push *Push) (told bool) {
	for shard, names := range users {
		if len(names) > 0 {
			told = true
			message := &pushUsers{names, push}
			m.system.gate.add(message.size())
			ctx.Send(m.system.registries[shard], message)
		}
	}
	return told
}
