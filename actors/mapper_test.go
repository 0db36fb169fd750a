package actors_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

var errDatabase = errors.New("database is away")

func fileEvent(storage uint64, id uint64) actors.Event {
	return actors.StorageUpdate{Storage: storage, Path: "files/a", FileID: id}
}

// sent returns how many file pushes a connection was sent.
func sent(socket *actorstest.Socket) int { return len(pushes(socket)) }

// A user is sent a push when the path lies at or below the root, by path segments.
func TestPathsBelowRoots(t *testing.T) {
	for _, c := range []struct {
		root, path string
		sent       bool
	}{
		{"", "", true},
		{"", "files/a", true},
		{"files", "files", true},
		{"files", "files/a", true},
		{"files/foo", "files/foo", true},
		{"files/foo", "files/foo/", true},
		{"files/foo", "files/foo/a.txt", true},
		{"files/foo", "files/foobar/secret.txt", false},
		{"files/foo", "files/foo.txt", false},
		{"files/foo", "files/fo", false},
		{"files/foo", "files", false},
		{"files/foo", "", false},
		{"files/foo", "Files/foo", false},
		{"files/ä", "files/ä/b", true},
	} {
		t.Run(fmt.Sprintf("%q below %q", c.path, c.root), func(t *testing.T) {
			bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
				kit.Mounts.Set(mount(1, "alice", c.root))
				alice := kit.Connect(t, "alice")
				publish(t, kit, actors.StorageUpdate{Storage: 1, Path: c.path, FileID: 7})
				require.Equal(t, c.sent, sent(alice) == 1)
			})
		})
	}
}

// A user who sees a file from several roots is sent one push.
func TestSeveralRootsOneUser(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Set(mount(1, "alice", ""), mount(1, "alice", "files"), mount(1, "alice", "files/a"),
			mount(1, "bob", "files/a"), mount(1, "carol", "files/b"), mount(1, "alice", ""))
		alice, bob, carol := kit.Connect(t, "alice"), kit.Connect(t, "bob"), kit.Connect(t, "carol")
		publish(t, kit, fileEvent(1, 1), fileEvent(1, 2))
		require.Equal(t, []int{2, 2, 0}, []int{sent(alice), sent(bob), sent(carol)})
	})
}

func TestManyUsersOfOneStorage(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		var mounts []actors.Mount
		var sockets []*actorstest.Socket
		for i := range 500 {
			user := fmt.Sprint("user", i)
			mounts = append(mounts, mount(1, user, ""))
			if i%2 == 0 {
				sockets = append(sockets, kit.Connect(t, user))
			}
		}
		kit.Mounts.Set(mounts...)
		publish(t, kit, fileEvent(1, 1))
		synctest.Wait()
		for i, socket := range sockets {
			require.Equal(t, 1, sent(socket), "user %d", i)
		}
	})
}

// One query for a storage however many events wait for it, and one when files have changed since.
func TestOneQueryPerStorage(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Set(mount(1, "alice", ""))
		alice := kit.Connect(t, "alice")
		kit.Mounts.Block()
		for id := range uint64(100) {
			publish(t, kit, fileEvent(1, id))
		}
		synctest.Wait()
		require.Equal(t, [][]uint64{{1}}, kit.Mounts.Queries())
		require.Zero(t, sent(alice))
		kit.Mounts.Unblock()
		require.Equal(t, 100, sent(alice))

		pass(3 * time.Second)
		require.Len(t, kit.Mounts.Queries(), 2, "once more, because of users who appear")
		pass(time.Hour)
		require.Len(t, kit.Mounts.Queries(), 2, "while nothing changes, nobody asks")
		require.Equal(t, 100, sent(alice))
		publish(t, kit, fileEvent(1, 200))
		require.Equal(t, 101, sent(alice))
		require.Len(t, kit.Mounts.Queries(), 3)
		require.EqualValues(t, 3, kit.System.Stats().MappingQueries)
	})
}

// That nobody sees a storage is known, too.
func TestNobodyIsCached(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		for range 10 {
			publish(t, kit, fileEvent(1, 1))
			synctest.Wait()
		}
		require.Len(t, kit.Mounts.Queries(), 1)
	})
}

// Storages that wait together are asked for together, with at most two queries under way.
func TestStoragesAreAskedForTogether(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Block()
		for storage := range uint64(1000) {
			publish(t, kit, fileEvent(1+storage, 1))
		}
		synctest.Wait()
		require.Len(t, kit.Mounts.Queries(), 2)
		kit.Mounts.Unblock()
		synctest.Wait()
		queries := kit.Mounts.Queries()
		require.LessOrEqual(t, len(queries), 8)
		asked := map[uint64]int{}
		for _, storages := range queries {
			require.LessOrEqual(t, len(storages), 200)
			for _, storage := range storages {
				asked[storage]++
			}
		}
		require.Len(t, asked, 1000)
		for storage, times := range asked {
			require.Equal(t, 1, times, "storage %d", storage)
		}
	})
}

// A query that takes its time keeps nobody else waiting.
func TestSlowDatabaseDelaysOnlyWhoNeedsIt(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Set(mount(1, "alice", ""))
		alice, bob := kit.Connect(t, "alice"), kit.Connect(t, "bob")
		publish(t, kit, fileEvent(1, 1))
		synctest.Wait()
		kit.Mounts.Block()
		publish(t, kit, fileEvent(2, 1), fileEvent(3, 1), fileEvent(4, 1), actors.ActivityAdded{User: "bob"}, fileEvent(1, 2))
		require.Equal(t, []string{"notify_activity"}, pushes(bob))
		require.Equal(t, 2, sent(alice))
	})
}

// While the database fails, rows that are out of date are used, and at once; when it only is slow,
// after a second or two.
func TestStaleRows(t *testing.T) {
	for name, c := range map[string]struct {
		trouble func(*actorstest.Mounts)
		heal    func(*actorstest.Mounts)
		within  time.Duration
	}{
		"failing": {func(m *actorstest.Mounts) { m.Fail(errDatabase) }, func(m *actorstest.Mounts) { m.Fail(nil) }, 0},
		"slow":    {(*actorstest.Mounts).Block, (*actorstest.Mounts).Unblock, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
				kit.Mounts.Set(mount(1, "alice", ""))
				alice := kit.Connect(t, "alice")
				publish(t, kit, fileEvent(1, 1))
				pass(10 * time.Minute)
				require.Equal(t, 1, sent(alice))
				c.trouble(kit.Mounts)
				for i := range uint64(300) {
					publish(t, kit, fileEvent(1, i))
					if c.within == 0 {
						require.EqualValues(t, i+2, sent(alice), "at once")
					}
					pass(20 * time.Millisecond)
				}
				pass(c.within)
				require.Equal(t, 301, sent(alice), "each once")
				c.heal(kit.Mounts)
				pass(time.Minute)
				require.Equal(t, 301, sent(alice), "none twice")
				require.Empty(t, kit.System.Problems())
			})
		})
	}
}

// An event for a storage of which nothing is known waits until the database is back, for up to
// 60 s.
func TestUnknownStorageWaits(t *testing.T) {
	for outage, want := range map[time.Duration]int{6 * time.Second: 300, 55 * time.Second: 300, 70 * time.Second: 0} {
		t.Run(outage.String(), func(t *testing.T) {
			bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
				kit.Mounts.Set(mount(1, "alice", ""))
				kit.Mounts.Fail(errDatabase)
				alice := kit.Connect(t, "alice")
				for i := range uint64(300) {
					publish(t, kit, fileEvent(1, i))
				}
				synctest.Wait()
				require.Equal(t, map[string]string{"database": "database is away"}, kit.System.Problems())
				pass(outage)
				require.Zero(t, sent(alice))
				kit.Mounts.Fail(nil)
				pass(2 * time.Second)
				require.Equal(t, want, sent(alice))
				require.EqualValues(t, 300-want, kit.System.Stats().EventsExpired)
				publish(t, kit, fileEvent(1, 1))
				pass(time.Second)
				require.Equal(t, want+1, sent(alice))
				require.Empty(t, kit.System.Problems())
			})
		})
	}
}

// A database that fails is asked seldom, and not at the same moments by all who ask.
func TestDatabaseIsAskedAgainWithBackoff(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Fail(errDatabase)
		kit.Connect(t, "alice")
		publish(t, kit, fileEvent(1, 1))
		pass(10 * time.Second)
		asked := func() int { return len(kit.Mounts.Queries()) }
		next := func() time.Duration {
			for before, began := asked(), time.Now(); ; pass(10 * time.Millisecond) {
				if asked() > before {
					return time.Since(began)
				}
			}
		}
		next()
		waits := map[time.Duration]bool{}
		for range 30 {
			wait := next()
			require.GreaterOrEqual(t, wait, time.Second)
			require.LessOrEqual(t, wait, 2*time.Second+20*time.Millisecond)
			waits[wait] = true
		}
		require.Greater(t, len(waits), 5)
	})
}

// As long as the database answers, a flood of events for unknown storages waits for it.
func TestFloodWaitsForTheDatabase(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		const storages = 15_000
		var mounts []actors.Mount
		for i := range uint64(storages) {
			mounts = append(mounts, mount(1+i, "alice", ""))
		}
		kit.Mounts.Set(mounts...)
		alice := kit.Connect(t, "alice")
		kit.Mounts.Block()
		for i := range uint64(storages) {
			publish(t, kit, fileEvent(1+i, i))
		}
		kit.Mounts.Unblock()
		require.Equal(t, storages, sent(alice))
		require.Zero(t, kit.System.Stats().EventsExpired)
	})
}

// Not more than 10,000 events wait longer than 1 s; what is over is counted as lost, and stale rows
// need no place.
func TestWaitingEventsAreBounded(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Set(mount(1, "alice", ""), mount(2, "alice", ""))
		alice := kit.Connect(t, "alice")
		publish(t, kit, fileEvent(2, 1))
		pass(10 * time.Minute)
		kit.Mounts.Block()
		for i := range uint64(10_500) {
			publish(t, kit, fileEvent(1, i))
		}
		pass(2 * time.Second)
		require.EqualValues(t, 500, kit.System.Stats().EventsExpired)
		publish(t, kit, fileEvent(2, 1))
		require.Equal(t, 2, sent(alice), "known, if out of date")
		kit.Mounts.Unblock()
		require.Equal(t, 10_002, sent(alice))
	})
}

// A failing database is asked about once a second and not for each event, and never given up on.
func TestFailingDatabaseIsNotHammered(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Fail(errDatabase)
		for round := range uint64(100) {
			for i := range uint64(90) {
				publish(t, kit, fileEvent(1000*round+i, 1))
			}
			pass(100 * time.Millisecond)
		}
		require.LessOrEqual(t, len(kit.Mounts.Queries()), 24, "in 10 s")
		pass(10 * time.Minute)
		kit.Mounts.Set(mount(1, "alice", ""))
		kit.Mounts.Fail(nil)
		alice := kit.Connect(t, "alice")
		publish(t, kit, fileEvent(1, 1))
		pass(2 * time.Second)
		require.Equal(t, 1, sent(alice))
	})
}

// A query that never ends is given up after 10 s.
func TestHangingQueryIsGivenUp(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Block()
		publish(t, kit, fileEvent(1, 1))
		pass(9 * time.Second)
		require.Empty(t, kit.System.Problems())
		pass(2 * time.Second)
		require.Contains(t, kit.System.Problems()["database"], "deadline exceeded")
	})
}

// whenMountsChange are the ways in which a user comes to see a storage, or no longer does, by what Nextcloud
// publishes before the next file changes.
var whenMountsChange = map[string]struct {
	before []actors.Event
	within time.Duration
}{
	"share with a user":  {[]actors.Event{actors.ShareCreated{User: "bob"}}, 5 * time.Second},
	"group":              {[]actors.Event{actors.GroupUpdate{User: "bob"}}, 5 * time.Second},
	"share with a group": {[]actors.Event{actors.NotificationChanged{User: "bob"}}, 5 * time.Second},
	"nothing":            {nil, 30 * time.Second},
}

// busyStorage connects alice, who sees storage 1, and has files change in it for as long as it takes until its
// rows are hardly ever read.
func busyStorage(t *testing.T, kit *actorstest.Kit) *actorstest.Socket {
	t.Helper()
	kit.Mounts.Set(mount(1, "alice", ""))
	alice := kit.Connect(t, "alice")
	for id := range uint64(300) {
		publish(t, kit, fileEvent(1, id))
		pass(time.Second)
	}
	pass(30 * time.Second)
	return alice
}

// A file that changes right after a share, before the receiver's mount is written down, is pushed to the receiver
// when it is: with its id, and nothing else.
func TestUploadRightAfterShare(t *testing.T) {
	for name, c := range whenMountsChange {
		t.Run(name, func(t *testing.T) {
			bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
				alice, bob := busyStorage(t, kit), kit.Connect(t, "bob")
				bob.Say("listen notify_file_id")
				publish(t, kit, c.before...)
				publish(t, kit, fileEvent(1, 1000), actors.StorageUpdate{Storage: 1, Path: "elsewhere", FileID: 1001})
				before := len(pushes(bob))
				pass(time.Second)
				kit.Mounts.Set(mount(1, "alice", ""), mount(1, "bob", "files"))
				pass(c.within - time.Second)
				require.Equal(t, []string{"notify_file_id [1000]"}, pushes(bob)[before:])
				pass(time.Hour)
				require.Len(t, pushes(bob), before+1, "once")
				require.Equal(t, 302, sent(alice), "each once")
			})
		})
	}
}

// A user whose share is taken away hears of the storage no longer than it takes to see that.
func TestUploadsAfterUnshare(t *testing.T) {
	for name, c := range whenMountsChange {
		t.Run(name, func(t *testing.T) {
			bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
				busyStorage(t, kit)
				kit.Mounts.Set(mount(1, "alice", ""), mount(1, "bob", "files"))
				bob := kit.Connect(t, "bob")
				for id := range uint64(300) {
					publish(t, kit, fileEvent(1, id))
					pass(time.Second)
				}
				kit.Mounts.Set(mount(1, "alice", ""))
				publish(t, kit, c.before...)
				for ended := time.Now().Add(c.within); time.Now().Before(ended); pass(500 * time.Millisecond) {
					publish(t, kit, fileEvent(1, 1))
				}
				before := sent(bob)
				for range 100 {
					publish(t, kit, fileEvent(1, 1))
					pass(time.Second)
				}
				require.Equal(t, before, sent(bob))
			})
			bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
				kit.Mounts.Set(mount(1, "bob", ""))
				bob := kit.Connect(t, "bob")
				publish(t, kit, fileEvent(1, 1))
				pass(time.Minute)
				kit.Mounts.Set()
				publish(t, kit, c.before...)
				before := len(pushes(bob))
				pass(c.within + 1)
				publish(t, kit, fileEvent(1, 1))
				require.Len(t, pushes(bob), before, "old rows are not used")
			})
		})
	}
}

// A share whose receiver was offline then is seen when the receiver comes and Nextcloud writes the mount down.
func TestNewShareWhileOffline(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		busyStorage(t, kit)
		publish(t, kit, actors.ShareCreated{User: "bob"})
		pass(time.Hour)
		bob := kit.Connect(t, "bob")
		publish(t, kit, fileEvent(1, 1000)) // bob looks after this one
		kit.Mounts.Set(mount(1, "alice", ""), mount(1, "bob", ""))
		pass(time.Second)
		publish(t, kit, fileEvent(1, 1001))
		pass(30 * time.Second)
		require.Contains(t, pushes(bob), "notify_file")
	})
}

// A storage that nobody sees when its first file changes, and somebody a second later.
func TestFirstMount(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		alice := kit.Connect(t, "alice")
		alice.Say("listen notify_file_id")
		publish(t, kit, fileEvent(9, 1))
		pass(time.Second)
		kit.Mounts.Set(mount(9, "alice", ""))
		pass(4 * time.Second)
		require.Equal(t, []string{"notify_file_id [1]"}, pushes(alice))
	})
}

// A mount that is new while the database is away is seen when it is back, with what it missed meanwhile; of
// more files than a push names, that there were some.
func TestNewMountDuringOutage(t *testing.T) {
	for files, want := range map[uint64]string{3: "notify_file_id [1000,1001,1002]", 100: "notify_file"} {
		bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
			alice, bob := busyStorage(t, kit), kit.Connect(t, "bob")
			bob.Say("listen notify_file_id")
			kit.Mounts.Fail(errDatabase)
			kit.Mounts.Set(mount(1, "alice", ""), mount(1, "bob", ""))
			publish(t, kit, actors.NotificationChanged{User: "bob"})
			for id := range files {
				publish(t, kit, fileEvent(1, 1000+id))
			}
			pass(40 * time.Second)
			require.EqualValues(t, 300+files, sent(alice), "of what is known, at once")
			kit.Mounts.Fail(nil)
			pass(5 * time.Second)
			require.Equal(t, []string{"notify_notification", want}, pushes(bob))
			require.EqualValues(t, 300+files, sent(alice))
		})
	}
}

func TestCountUsers(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		kit.Mounts.Set(mount(1, "alice", ""), mount(1, "bob", ""), mount(1, "bob", ""), mount(1, "carol", "files"), mount(2, "dave", ""))
		for storage, want := range map[uint64]int{1: 3, 2: 1, 3: 0} { // as the app counts: rows
			users, err := kit.System.CountUsers(t.Context(), storage)
			require.NoError(t, err)
			require.Equal(t, want, users)
		}
		kit.Mounts.Fail(errDatabase)
		_, err := kit.System.CountUsers(t.Context(), 1)
		require.ErrorIs(t, err, errDatabase)
	})
}

// Whether the database answers is known before anybody needs it, and from then on as it changes,
// whatever it failed at and although nothing happens.
func TestDatabaseIsMissed(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*actorstest.Kit)
		event  actors.Event
	}{
		"at the start": {func(kit *actorstest.Kit) { kit.Mounts.Fail(errDatabase) }, nil},
		"by a storage": {nil, fileEvent(1, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				t.Cleanup(func() { pass(2 * time.Second) })
				kit := actorstest.New(t, nil)
				if c.before != nil {
					c.before(kit)
				}
				kit.System.Start()
				defer kit.System.Shutdown(t.Context())
				kit.Connect(t, "alice")
				pass(time.Minute)
				if c.event != nil {
					require.Empty(t, kit.System.Problems())
					kit.Mounts.Fail(errDatabase)
					publish(t, kit, c.event)
					pass(time.Second)
				}
				require.Equal(t, map[string]string{"database": "database is away"}, kit.System.Problems())
				pass(time.Hour)
				require.Equal(t, map[string]string{"database": "database is away"}, kit.System.Problems())
				kit.Mounts.Fail(nil)
				pass(5 * time.Second)
				require.Empty(t, kit.System.Problems())
				if c.event == nil {
					require.Zero(t, kit.System.Stats().MappingQueries, "looking whether it is there doesn't count")
				}
			})
		})
	}
}

// TestEventsOfAnotherNextcloud has one publish on the same channels, in whose storages files change as in those of this one. Users
// who are not connected, and events other than of files, are no reason.
func TestEventsOfAnotherNextcloud(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	bubble(t, func(o *actors.Options) { o.NoDebounce, o.Logger = true, zap.New(core) }, func(t *testing.T, kit *actorstest.Kit) {
		var mounts []actors.Mount
		for storage := range uint64(30) {
			mounts = append(mounts, mount(1+storage, fmt.Sprint("user", storage), "files"))
		}
		kit.Mounts.Set(mounts...)
		work := func(first, storages uint64) {
			for range 8 {
				for storage := range storages {
					publish(t, kit, fileEvent(first+storage, 7))
					publish(t, kit, actors.NotificationChanged{User: fmt.Sprint("unknown", storage)})
				}
				pass(5 * time.Minute)
			}
		}
		work(1, 30)
		require.Zero(t, kit.System.UnknownStorages())
		work(1, 60)
		require.Zero(t, kit.System.UnknownStorages(), "as many are known")
		work(1, 90)
		require.Equal(t, 60, kit.System.UnknownStorages())
		require.Equal(t, 1, logged.FilterMessage("most file events are of storages that nobody has mounted").Len())
		for range 3 {
			work(1, 30)
		}
		require.Zero(t, kit.System.UnknownStorages())
		work(1, 90)
		require.Equal(t, 60, kit.System.UnknownStorages())
		pass(90 * time.Minute)
		require.Zero(t, kit.System.UnknownStorages(), "no file changes any more")
	})
}
