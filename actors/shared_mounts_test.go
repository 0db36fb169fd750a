package actors

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// learnNow has the mapping learn rows of a storage that another server has read a while ago.
func (m *mappingTest) learnNow(storage uint64, ago time.Duration, again bool, users ...string) {
	var mounts []Mount
	for _, user := range users {
		mounts = append(mounts, Mount{Storage: storage, User: user})
	}
	m.learn(&mountsLearned{storages: []uint64{storage}, users: usersByStorage(mounts), asked: m.now - ago, again: again}, m.now)
	m.carryOut()
}

func newFollower() *mappingTest {
	m := newMappingTest()
	m.patience = patienceOf[OthersRead]
	return m
}

// A server that learns the rows that an event waits for asks nobody, nor for the second look, if that is learned, too.
func TestRowsAreLearned(t *testing.T) {
	m := newFollower()
	m.change(1, 7, "a")
	m.pass(10 * time.Millisecond)
	m.learnNow(1, 0, false, "alice")
	require.Equal(t, map[string][]string{"alice": {"notify_file_id [7]"}}, m.pushed)
	m.pass(2100 * time.Millisecond)
	m.learnNow(1, 0, true, "alice", "bob")
	require.Equal(t, []string{"notify_file_id [7]"}, m.pushed["bob"])
	m.pass(time.Minute)
	require.Empty(t, m.asked)
	require.Len(t, m.pushed["alice"], 1)
	require.Empty(t, m.active, "nothing is due any more")
}

// Rows that come before their event count for it.
func TestRowsAreLearnedBeforeTheEvent(t *testing.T) {
	m := newFollower()
	m.learnNow(1, 0, false, "alice")
	m.change(1, 7, "a")
	require.Equal(t, map[string][]string{"alice": {"notify_file_id [7]"}}, m.pushed)
	require.Empty(t, m.asked)
}

// Where nothing is learned, a server asks: soon for what events wait for, and a second after it is due for what it reads again.
func TestRowsAreNotLearned(t *testing.T) {
	m := newFollower()
	m.mounts[1] = []Mount{{Storage: 1, User: "alice"}}
	start := m.now
	m.change(1, 7, "a")
	m.pass(time.Minute)
	require.Len(t, m.asked, 2)
	require.Equal(t, m.patience.first, m.asked[0].asked-start)
	require.InDelta(t, rereadAfter+m.patience.again, m.asked[1].asked-start, float64(tickTime))
	require.Len(t, m.pushed["alice"], 1)
}

// Rows that were read too early for the second look do not take its place.
func TestLearnedRowsAreTooOld(t *testing.T) {
	m := newFollower()
	m.learnNow(1, 0, false, "alice")
	m.change(1, 7, "a")
	m.pass(2500 * time.Millisecond)
	m.learnNow(1, 600*time.Millisecond, true, "alice", "bob")
	require.Equal(t, []string{"notify_file_id [7]"}, m.pushed["bob"])
	m.pass(3 * time.Second)
	require.Len(t, m.asked, 1, "of the second look")
}

// Older rows do not take the place of newer ones, but answer what waits.
func TestLearnedRowsAreOlder(t *testing.T) {
	m := newFollower()
	m.learnNow(1, 0, false, "alice")
	m.learnNow(1, time.Second, false, "bob")
	m.change(1, 7, "a")
	require.Equal(t, map[string][]string{"alice": {"notify_file_id [7]"}}, m.pushed)
}

// A database that needs long for reading again rests for all servers.
func TestRestIsLearned(t *testing.T) {
	m := newFollower()
	m.learnNow(1, 0, false, "alice")
	m.change(1, 7, "a")
	m.learn(&mountsLearned{asked: m.now, took: time.Second, again: true}, m.now)
	m.pass(slowdown * time.Second)
	require.Empty(t, m.asked)
	m.pass(2 * time.Second)
	require.Len(t, m.asked, 1)
}

// An answer without rows, because they were learned, leaves what is known as it is.
func TestAskedAndLearned(t *testing.T) {
	m := newFollower()
	m.took = func(mountsQuery) time.Duration { return time.Hour }
	m.change(1, 7, "a")
	m.pass(m.patience.first)
	require.Len(t, m.asked, 1)
	m.learnNow(1, 0, false, "alice")
	m.answered(mountsQuery{learned: []uint64{1}, asked: m.now}, nil, nil, m.now)
	m.change(1, 8, "b")
	require.Equal(t, []string{"notify_file_id [7]", "notify_file_id [8]"}, m.pushed["alice"])
}

// Who reads for all reads again a little later, so that its rows are late enough for servers that heard the event later.
func TestReadingForAll(t *testing.T) {
	m := newMappingTest()
	m.patience = patienceOf[ReadsForAll]
	start := m.now
	m.change(1, 7, "a")
	m.pass(time.Minute)
	require.Len(t, m.asked, 2)
	require.Equal(t, start, m.asked[0].asked)
	require.GreaterOrEqual(t, m.asked[1].asked-start, rereadAfter+m.patience.again)
}

// Rows of storages that are not named are nobody's.
func TestRowsOfOtherStorages(t *testing.T) {
	m := newFollower()
	m.learn(&mountsLearned{storages: []uint64{1}, users: usersByStorage([]Mount{{Storage: 2, User: "bob"}}), asked: m.now}, m.now)
	require.Equal(t, 1, m.cache.Len())
}
