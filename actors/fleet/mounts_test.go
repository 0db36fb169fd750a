package fleet_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/fleet"
)

// startFleet starts nodes that know each other, with a connection of alice, who sees some storages, each.
func startFleet(t *testing.T, bus *bus, n, storages int) (nodes []*node) {
	t.Helper()
	var mounts []actors.Mount
	for i := range storages {
		mounts = append(mounts, actors.Mount{Storage: uint64(i + 1), User: "alice"})
	}
	for i := range n {
		nodes = append(nodes, start(t, bus, fmt.Sprint("node", i), key))
		nodes[i].Mounts.Set(mounts...)
	}
	pass(2 * time.Second)
	return nodes
}

// change has a file change in a storage; each node hears of it, some a little later.
func change(nodes []*node, storage int) {
	for i, n := range nodes {
		n.Events.Emit("notify_storage_update", fmt.Sprintf(`{"storage":%d,"path":"a","file_id":%d}`, storage, storage))
		if i%2 == 1 {
			time.Sleep(3 * time.Millisecond)
		}
	}
}

// queries returns how many queries the databases of all nodes have answered.
func queries(nodes []*node) (sum int) {
	for _, n := range nodes {
		sum += len(n.Mounts.Queries())
	}
	return sum
}

// Storages cost as many queries however many nodes there are, and all clients hear of them.
func TestStoragesAreReadOnce(t *testing.T) {
	const storages = 200
	for _, size := range []int{1, 3, 6} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				nodes := startFleet(t, newBus(), size, storages)
				for storage := 1; storage <= storages; storage++ {
					change(nodes, storage)
					pass(100 * time.Millisecond)
				}
				pass(time.Minute)
				require.InDelta(t, storages+2*20, queries(nodes), 5, "one for each storage, and two a second for the second look at all of them")
				require.EqualValues(t, queries(nodes), nodes[0].fleet.Sum(nodes[0].System.Stats()).MappingQueries)
			})
		})
	}
}

// Each client hears of a file that has changed, within the time that it takes to read the mounts once, whichever node it is at.
func TestLatencyInAFleet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		nodes := startFleet(t, newBus(), 3, 1)
		for _, n := range nodes {
			n.Mounts.OnCall(func() { time.Sleep(5 * time.Millisecond) })
		}
		for _, n := range nodes {
			n.Connect(t, "alice")
		}
		pass(time.Second)
		heard := make(chan time.Duration, 3)
		began := time.Now()
		for _, n := range nodes {
			s := n.Connect(t, "alice")
			s.OnWrite(func() error { heard <- time.Since(began); return nil })
		}
		change(nodes, 1)
		pass(time.Second)
		for range nodes {
			require.Less(t, <-heard, 150*time.Millisecond, "of which a push after silence waits 100 ms")
		}
	})
}

// A node whose clients see a storage of which nobody has told it asks the reader, which has read it long ago.
func TestNodeThatIsNewAsks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		nodes := startFleet(t, bus, 2, 1)
		change(nodes, 1)
		pass(10 * time.Second)
		before := queries(nodes)
		late := start(t, bus, "node9", key)
		pass(2 * time.Second)
		alice := late.Connect(t, "alice")
		nodes = append(nodes, late)
		change(nodes, 1)
		pass(time.Second)
		require.Equal(t, []string{"authenticated", "notify_file"}, alice.Texts())
		require.Empty(t, late.Mounts.Queries())
		require.Equal(t, before+1, queries(nodes))
	})
}

// Where the reader's database fails, each reads by itself, at once.
func TestReaderFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		nodes := startFleet(t, newBus(), 3, 10)
		nodes[0].Mounts.Fail(errors.New("gone"))
		alice := nodes[1].Connect(t, "alice")
		change(nodes, 1)
		pass(300 * time.Millisecond)
		require.Equal(t, []string{"authenticated", "notify_file"}, alice.Texts())
	})
}

// A reader that is gone delays an event by the time of one answer, once: then another one reads.
func TestReaderIsGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		nodes := startFleet(t, newBus(), 4, 10)
		nodes[0].kill()
		alive := nodes[1:]
		alice := nodes[2].Connect(t, "alice")
		change(alive, 1)
		pass(1900 * time.Millisecond)
		require.Equal(t, []string{"authenticated"}, alice.Texts())
		pass(400 * time.Millisecond)
		require.Equal(t, []string{"authenticated", "notify_file"}, alice.Texts())
		before := queries(alive)
		change(alive, 2)
		pass(100 * time.Millisecond)
		require.Equal(t, before+1, queries(alive))
		pass(1500 * time.Millisecond)
		require.Equal(t, []string{"authenticated", "notify_file", "notify_file"}, alice.Texts())
	})
}

// A reader that says that it ends is the reader no more.
func TestReaderEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		nodes := startFleet(t, newBus(), 3, 10)
		require.Equal(t, actors.ReadsForAll, nodes[0].fleet.Reading())
		require.Equal(t, actors.OthersRead, nodes[1].fleet.Reading())
		require.NoError(t, nodes[0].fleet.End(t.Context()))
		pass(time.Millisecond)
		require.Equal(t, actors.OthersRead, nodes[0].fleet.Reading())
		require.Equal(t, actors.ReadsForAll, nodes[1].fleet.Reading())
		nodes[0].stop()
		nodes[1].stop()
		pass(time.Second)
		require.Equal(t, actors.ReadsAlone, nodes[2].fleet.Reading())
	})
}

// While Redis is away each reads by itself.
func TestMountsWithoutRedis(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		nodes := startFleet(t, bus, 2, 10)
		bus.setDown(true)
		pass(time.Second)
		alice := nodes[1].Connect(t, "alice")
		change(nodes, 1)
		pass(200 * time.Millisecond)
		require.Equal(t, []string{"authenticated", "notify_file"}, alice.Texts())
		require.Len(t, nodes[1].Mounts.Queries(), 1)
	})
}

// Rows that somebody publishes again, or with another key, are not believed.
func TestForgedRows(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		nodes := startFleet(t, bus, 2, 1)
		change(nodes, 1)
		pass(time.Minute)
		bus.mu.Lock()
		said := slices.Clone(bus.published)
		bus.mu.Unlock()
		for _, n := range nodes {
			n.Mounts.Set(actors.Mount{Storage: 1, User: "bob"})
		}
		bob := nodes[1].Connect(t, "bob")
		for _, payload := range said {
			_, _ = bus.Publish(t.Context(), fleet.Channel, payload)
		}
		change(nodes, 1)
		pass(time.Second)
		require.Equal(t, []string{"authenticated", "notify_file"}, bob.Texts())
	})
}

// A node that is alone reads as if there were no fleet: it publishes nothing.
func TestMountsOfANodeThatIsAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		nodes := startFleet(t, bus, 1, 1)
		said := len(bus.published)
		change(nodes, 1)
		synctest.Wait()
		require.Len(t, nodes[0].Mounts.Queries(), 1)
		pass(time.Minute)
		require.Len(t, bus.published, said)
	})
}

// The rows that a node publishes are bounded: in a second, and in a message. What is not published each reads by itself.
func TestPublishedRowsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bus := newBus()
		nodes := startFleet(t, bus, 2, 0)
		const storages, users = 30, 10_000
		var mounts []actors.Mount
		for storage := range storages {
			for i := range users {
				mounts = append(mounts, actors.Mount{Storage: uint64(storage + 1), User: fmt.Sprintf("3f2504e0-4f89-11d3-9a0c-%012d", i)})
			}
		}
		for i := range 50_000 {
			mounts = append(mounts, actors.Mount{Storage: storages + 1, User: fmt.Sprintf("3f2504e0-4f89-11d3-9a0c-%012d", i)})
		}
		for _, n := range nodes {
			n.Mounts.Set(mounts...)
		}
		said := len(bus.published)
		for storage := 1; storage <= storages+1; storage++ {
			change(nodes, storage)
		}
		pass(900 * time.Millisecond)
		bytes := 0
		bus.mu.Lock()
		for _, payload := range bus.published[said:] {
			require.LessOrEqual(t, len(payload), 1<<20)
			bytes += len(payload)
		}
		bus.mu.Unlock()
		t.Logf("%d MiB in %d messages", bytes>>20, len(bus.published)-said)
		require.Less(t, bytes, 10<<20)
		require.Greater(t, bytes, 7<<20)
		require.NotEmpty(t, nodes[1].Mounts.Queries(), "of what was not published")
		for _, n := range nodes {
			s := n.Connect(t, "3f2504e0-4f89-11d3-9a0c-000000000007")
			change(nodes, storages+1)
			pass(20 * time.Second) // as changes in a storage of so many are sent together
			require.Contains(t, s.Texts(), "notify_file")
		}
	})
}

// A node whose database is away has its clients hear of changes all the same, and goes on saying that it is away.
func TestOwnDatabaseIsAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		nodes := startFleet(t, newBus(), 2, 10)
		second := nodes[1]
		second.Mounts.Fail(errors.New("gone"))
		pass(15 * time.Second)
		require.Contains(t, second.System.Problems(), "database")
		alice := second.Connect(t, "alice")
		change(nodes, 1)
		pass(time.Second)
		require.Equal(t, []string{"authenticated", "notify_file"}, alice.Texts())
		require.Contains(t, second.System.Problems(), "database")
		second.Mounts.Fail(nil)
		pass(15 * time.Second)
		require.NotContains(t, second.System.Problems(), "database")
	})
}
