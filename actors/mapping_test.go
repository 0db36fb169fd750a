package actors

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mappingTest drives a mapping by an explicit clock. The database answers at once, or after took.
type mappingTest struct {
	*mapping
	now     time.Duration
	mounts  map[uint64][]Mount
	took    func(mountsQuery) time.Duration
	err     error
	pending []pendingQuery
	asked   []mountsQuery
	rows    int                 // that the database has read
	pushed  map[string][]string // nil where nobody looks
	dropped int
}

type pendingQuery struct {
	mountsQuery
	due time.Duration
}

func newMappingTest() *mappingTest {
	return &mappingTest{
		mapping: newMapping(0), now: time.Second, mounts: map[uint64][]Mount{}, pushed: map[string][]string{},
		took: func(mountsQuery) time.Duration { return 0 },
	}
}

func (m *mappingTest) carryOut() {
	for {
		e := m.take()
		m.dropped += e.dropped
		for _, a := range e.pushes {
			if m.pushed == nil {
				break
			}
			for _, names := range a.users {
				for _, name := range names {
					m.pushed[name] = append(m.pushed[name], string(a.push.encoded(true)[2:]))
				}
			}
		}
		for _, q := range e.queries {
			m.asked = append(m.asked, q)
			m.pending = append(m.pending, pendingQuery{q, m.now + m.took(q)})
		}
		if !m.answer() {
			return
		}
	}
}

// answer answers a query that is due, and reports whether there was one.
func (m *mappingTest) answer() bool {
	for i, q := range m.pending {
		if q.due > m.now {
			continue
		}
		m.pending = append(m.pending[:i], m.pending[i+1:]...)
		var mounts []Mount
		for _, storage := range q.storages {
			mounts = append(mounts, m.mounts[storage]...)
		}
		m.rows += len(mounts)
		m.answered(q.mountsQuery, usersByStorage(mounts), m.err, m.now)
		return true
	}
	return false
}

func (m *mappingTest) change(storage, id uint64, path string) {
	m.fileChanged(StorageUpdate{Storage: storage, Path: path, FileID: id}, m.now)
	m.carryOut()
}

// pass lets time go by, with every wake and answer at its time.
func (m *mappingTest) pass(d time.Duration) {
	end := m.now + d
	for {
		next := end
		if at := m.wakeAt(); at > 0 {
			next = min(next, max(at, m.now))
		}
		for _, q := range m.pending {
			next = min(next, q.due)
		}
		m.now = next
		m.wake(m.now)
		m.carryOut()
		if next == end {
			return
		}
	}
}

// When the rows of a storage are read, while files change in it every second and nothing else happens: seldom,
// and often again for a minute after a share.
func TestRereadingSlowsDown(t *testing.T) {
	m := newMappingTest()
	for range 300 {
		m.change(1, 1, "a")
		m.pass(time.Second)
	}
	var at []time.Duration
	for _, q := range m.asked {
		at = append(at, (q.asked - time.Second).Round(time.Second))
	}
	require.Equal(t, []time.Duration{0, 2 * time.Second, 6 * time.Second, 14 * time.Second, 30 * time.Second,
		60 * time.Second, 90 * time.Second, 120 * time.Second}, at[:8])
	before := len(m.asked)
	m.mountsMayChange(m.now)
	for range 60 {
		m.change(1, 1, "a")
		m.pass(time.Second)
	}
	require.InDelta(t, 30, len(m.asked)-before, 2)
	before = len(m.asked)
	for range 60 {
		m.change(1, 1, "a")
		m.pass(time.Second)
	}
	require.LessOrEqual(t, len(m.asked)-before, 3)
}

// The database works on rereading for 5 % of the time at most, however much there is to read and however slow it
// is.
func TestRereadingIsBounded(t *testing.T) {
	for _, took := range []time.Duration{10 * time.Millisecond, 500 * time.Millisecond, 9 * time.Second} {
		t.Run(took.String(), func(t *testing.T) {
			m := newMappingTest()
			m.took = func(q mountsQuery) time.Duration {
				if q.again {
					return took
				}
				return 0
			}
			const storages, minutes = 3000, 20
			worked := time.Duration(0)
			for i := range minutes * 600 {
				m.mountsMayChange(m.now)
				for j := range uint64(20) {
					m.change(uint64(i*20)%storages+j, 1, "a")
				}
				m.pass(100 * time.Millisecond)
			}
			for _, q := range m.asked {
				if q.again {
					worked += took
				}
			}
			require.LessOrEqual(t, worked, minutes*time.Minute/20+took)
			require.NotZero(t, worked)
		})
	}
}

// A storage of 60,000 mounts in which files change for an hour is read as seldom as rows that are good for four
// to five minutes would be, but for its first minute; however often files change.
func TestLargeStorageIsReadSeldom(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 10 * time.Second, time.Minute, 4 * time.Minute} {
		t.Run(every.String(), func(t *testing.T) {
			m := newMappingTest()
			for i := range 60_000 {
				m.mounts[1] = append(m.mounts[1], Mount{Storage: 1, User: fmt.Sprint("user", i)})
			}
			m.took = func(mountsQuery) time.Duration { return 200 * time.Millisecond }
			m.pushed = nil
			afterMinute := 0
			for began := m.now; m.now < began+time.Hour; m.pass(every) {
				m.change(1, uint64(m.now), "a")
				if m.now < began+time.Minute {
					afterMinute = len(m.asked)
				}
			}
			require.LessOrEqual(t, len(m.asked)-afterMinute, 14)
		})
	}
}

// A first pass over 20,000 storages of nobody, and the look after it, are 200 queries at most, of which the look
// is 40 whatever the speed.
func TestManyStoragesOfNobody(t *testing.T) {
	for _, together := range []int{20_000, 1000, 100} {
		t.Run(fmt.Sprint(together), func(t *testing.T) {
			m := newMappingTest()
			m.took = func(q mountsQuery) time.Duration {
				return time.Millisecond + time.Duration(len(q.storages))*50*time.Microsecond
			}
			for i := range uint64(20_000) {
				m.fileChanged(StorageUpdate{Storage: 1 + i, Path: "a"}, m.now)
				if int(i+1)%together == 0 {
					m.carryOut()
					m.pass(20 * time.Millisecond)
				}
			}
			m.pass(2 * time.Minute)
			require.Zero(t, m.dropped)
			require.Empty(t, m.active, "nothing is left to do")
			require.Zero(t, m.wakeAt(), "and nobody wakes")
			again := 0
			for _, q := range m.asked {
				if q.again {
					again++
				}
			}
			require.LessOrEqual(t, again, 40)
			if together >= 1000 {
				require.LessOrEqual(t, len(m.asked), 200)
			}
		})
	}
}

// More storages than are remembered are bounded in what they hold, and forgotten.
func TestActiveStoragesAreBounded(t *testing.T) {
	m := newMappingTest()
	for i := range uint64(100_000) {
		m.change(1+i, 1, "a")
	}
	require.LessOrEqual(t, len(m.active), maxStorages)
	require.LessOrEqual(t, m.cache.Len(), maxStorages)
	m.pass(10 * time.Minute)
	require.Empty(t, m.active)
}

// Rows count as read when they were asked for: what changed while the database took its time is looked for
// again.
func TestRowsAreStampedWhenAskedFor(t *testing.T) {
	m := newMappingTest()
	m.mounts[1] = []Mount{{Storage: 1, User: "alice"}}
	m.change(1, 1, "a")
	m.pass(time.Hour)
	m.took = func(mountsQuery) time.Duration { return 8 * time.Second }
	stale := m.now
	m.change(1, 2, "a")
	m.pass(9 * time.Second)
	require.Len(t, m.pushed["alice"], 2)
	known, _ := m.cache.Peek(1)
	require.Equal(t, stale, known.asked)
}

// A user who appears is sent what they see and did not see before, and nobody else is sent anything.
func TestUsersWhoAppear(t *testing.T) {
	m := newMappingTest()
	m.mounts[1] = []Mount{{1, "alice", ""}, {1, "bob", "files/b"}, {1, "carol", "files/c"}}
	m.change(1, 1, "files/a/x")
	m.change(1, 2, "files/b/x")
	m.change(1, 3, "files/d/x")
	m.change(1, 3, "files/d/x")
	before := fmt.Sprint(m.pushed)
	m.mounts[1] = append(m.mounts[1], Mount{1, "bob", "files/d"}, Mount{1, "dora", "files"}, Mount{1, "alice", "files/d"},
		Mount{1, "eve", "files/dd"})
	m.pass(3 * time.Second)
	require.Equal(t, []string{"notify_file_id [3]"}, m.pushed["bob"][1:])
	require.Equal(t, []string{"notify_file_id [1,2,3]"}, m.pushed["dora"])
	require.Len(t, m.pushed["alice"], 4, "who saw all of it already")
	require.Empty(t, m.pushed["carol"])
	require.Empty(t, m.pushed["eve"])
	m.pass(time.Hour)
	delete(m.pushed, "dora")
	m.pushed["bob"] = m.pushed["bob"][:1]
	require.Equal(t, before, fmt.Sprint(m.pushed))
}

// A query that takes long before it fails is asked again after a time that grows.
func TestSlowQueryIsRetriedSeldom(t *testing.T) {
	m := newMappingTest()
	m.err = errors.New("canceled")
	m.took = func(mountsQuery) time.Duration { return 10 * time.Second }
	m.change(1, 1, "a")
	m.pass(time.Hour)
	require.InDelta(t, 3600/(120+10), len(m.asked), 6)
	require.Equal(t, 1, m.dropped)
	m.err = nil
	m.pass(3 * time.Minute)
	require.False(t, m.failing)
	require.Zero(t, m.wakeAt())
}

// The users of a storage are sent the next push the later the more they are, but no later than a part of the debounce
// time.
func TestBurstsOfManyUsers(t *testing.T) {
	m := newMapping(maxBurst(15 * time.Second))
	require.Equal(t, time.Second+50*time.Millisecond, m.burstDue(1, time.Second))
	require.Equal(t, time.Second+2250*time.Millisecond, m.burstDue(15_000, time.Second))
	require.Equal(t, time.Second+3750*time.Millisecond, m.burstDue(1_000_000, time.Second))
	require.Equal(t, 50*time.Millisecond, newMapping(maxBurst(0)).burstDue(1_000_000, 0))
}

// A query that the end of the system ends says nothing about the database.
func TestQueryEndedWithTheSystemIsNoOutage(t *testing.T) {
	system, err := New(Ports{Verifier: struct{ Verifier }{}}, Options{})
	require.NoError(t, err)
	m := newMapper(system, nil)
	answer := &mountsFound{asker: m, query: mountsQuery{storages: []uint64{1}}, err: errors.New("canceled")}
	m.onMountsFound(answer, 1)
	require.Contains(t, system.Problems(), "mounts")
	system.solved(problemMounts)
	system.cancel()
	m.onMountsFound(answer, 2)
	require.Empty(t, system.Problems())
}

// An idle database is asked whether it is still there, seldom, and not where it answers other questions.
func TestMappingPings(t *testing.T) {
	m := newMappingTest()
	m.pingAfter = 10 * time.Second
	m.start(m.now)
	m.carryOut()
	asked := func() int { return len(m.asked) }
	require.Equal(t, 1, asked())
	m.pass(time.Minute)
	require.Equal(t, 7, asked())
	for range 60 {
		m.change(1, 1, "a")
		m.pass(time.Second)
	}
	pings := 0
	for i, q := range m.asked[7:] {
		require.LessOrEqual(t, q.asked-m.asked[6+i].asked, 10*time.Second, "no longer silence")
		if q.storages[0] == noStorage {
			pings++
		}
	}
	require.Less(t, pings, 6, "other answers make them needless")
	m.pass(time.Minute) // until the change is settled
	last := asked()
	m.err = errors.New("connection refused")
	m.pass(10 * time.Second)
	require.True(t, m.failing)
	m.err = nil
	m.pass(3 * time.Second)
	require.False(t, m.failing)
	require.Greater(t, asked(), last+1)

	m.pingAfter = 0
	m.pass(10 * time.Second)
	last = asked()
	m.pass(time.Hour)
	require.Equal(t, last, asked())
	require.Zero(t, m.wakeAt())
}
