package actors

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// ReadFunc reads the rows of storages here.
type ReadFunc func(ctx context.Context, storages []uint64) ([]Mount, error)

// MountsPeers is how several servers read the mounts once: one of them reads, and the others learn what it has read.
type MountsPeers interface {
	// Reading says what this server's part in that is now. It is called from an actor, often, and must not block.
	Reading() Reading
	// ReadMounts has the rows of storages be known here. It calls read, once at most and with the storages whose rows
	// nobody else has read; those of all others have come through System.LearnMounts before it returns. again says that
	// older rows are known here. Its error is that of read. It may block until ctx ends.
	ReadMounts(ctx context.Context, storages []uint64, again bool, read ReadFunc) error
}

// Reading says who reads mounts.
type Reading int

const (
	// ReadsAlone is a server that reads for itself.
	ReadsAlone Reading = iota
	// ReadsForAll is one whose rows the others learn.
	ReadsForAll
	// OthersRead is one that learns what another has read.
	OthersRead
)

// patience is how long a server waits for rows that another one is about to read, as the same events have come to that one:
// before it asks for those that an event waits for, and later than due for those that are to be read again.
type patience struct{ first, again time.Duration }

// patienceOf has none for who reads alone. Who reads for all reads again a little later than it had to, so that its rows
// count for servers to which an event came later.
var patienceOf = map[Reading]patience{
	ReadsForAll: {again: 100 * time.Millisecond},
	OthersRead:  {first: 50 * time.Millisecond, again: time.Second},
}

// MountsRead are rows that a server has read.
type MountsRead struct {
	Storages []uint64 // the storages that were asked about, of which some may have no rows
	Mounts   []Mount
	Asked    time.Time     // when the database was asked, or somewhat before that
	Took     time.Duration // that it needed
	Again    bool          // older rows were known
}

// LearnMounts takes rows that another server of the fleet has read, after Start: they count as if they had been read here.
func (s *System) LearnMounts(read MountsRead) {
	if s.usable() != nil {
		return
	}
	age := max(time.Since(read.Asked), 0)
	s.root.Send(s.mapper, &mountsLearned{
		storages: read.Storages, users: usersByStorage(read.Mounts), asked: s.now() - age, took: read.Took, again: read.Again,
	})
}

// ReadMounts asks Ports.Mounts, and counts that.
func (s *System) ReadMounts(ctx context.Context, storages []uint64) (mounts []Mount, err error) {
	if !slices.Equal(storages, []uint64{noStorage}) {
		s.counters.mappingQueries.Add(1)
	}
	err = s.guarded("mounts", func() error {
		mounts, err = s.ports.Mounts.MountsOfStorages(ctx, storages)
		return err
	})
	return mounts, err
}

// patience is that of this server's part in reading mounts.
func (s *System) patience() patience {
	if s.ports.Peers == nil {
		return patience{}
	}
	return patienceOf[s.ports.Peers.Reading()]
}

// answerQuery returns the rows that a query is for, as far as they are read here; those that another server has read are
// noted in it.
func (s *System) answerQuery(ctx context.Context, q *mountsQuery) (mounts []Mount, err error) {
	if s.ports.Peers == nil || q.storages[0] == noStorage {
		return s.ReadMounts(ctx, q.storages)
	}
	wanted := q.storages
	q.storages = nil
	q.asked = 0
	err = s.guarded("peers", func() error {
		return s.ports.Peers.ReadMounts(ctx, wanted, q.again, func(ctx context.Context, storages []uint64) ([]Mount, error) {
			q.storages, q.asked = storages, s.now()
			mounts, err = s.ReadMounts(ctx, storages)
			return mounts, err
		})
	})
	for _, storage := range wanted {
		if !slices.Contains(q.storages, storage) {
			q.learned = append(q.learned, storage)
		}
	}
	q.asked = cmp.Or(q.asked, s.now())
	return mounts, err
}

// learn takes rows that were read elsewhere.
func (m *mapping) learn(rows *mountsLearned, now time.Duration) {
	for _, storage := range rows.storages {
		users := cmp.Or(rows.users[storage], nobody)
		if s := m.active[storage]; s != nil {
			m.update(storage, s, users, rows.asked, now)
			m.forgetIdle(storage, s)
		} else if known, ok := m.cache.Peek(storage); !ok || known.asked < rows.asked {
			m.remember(storage, knownStorage{users, rows.asked, rereadAfter})
		}
	}
	if rows.again { // a database that is slow rests here, too
		m.rereadAt = max(m.rereadAt, now+slowdown*rows.took+m.patience.again)
	}
}
