package test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// Section 4: from the daemon to the database.

// readOnlyDatabases are databases with Nextcloud's tables, in which the daemon may only read.
var readOnlyDatabases = map[string]func(t *testing.T, prefix string) (url string, db *sqlx.DB, mounts *storagetest.Nextcloud){
	"SQLite": func(t *testing.T, prefix string) (string, *sqlx.DB, *storagetest.Nextcloud) {
		path, db := storagetest.SQLite(t, "owncloud.db")
		return "sqlite:" + path, db, storagetest.NewNextcloud(t, db, prefix)
	},
	"PostgreSQL": func(t *testing.T, prefix string) (string, *sqlx.DB, *storagetest.Nextcloud) {
		server := storagetest.Postgres(t)
		db := server.CreateDatabase("nextcloud", "owner", "secret")
		mounts := storagetest.NewNextcloud(t, db, prefix)
		for _, statement := range []string{
			`CREATE ROLE reader LOGIN PASSWORD 'only 4 reading'`, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader`,
		} {
			db.MustExec(statement)
		}
		return fmt.Sprintf("postgres://reader:only%%204%%20reading@127.0.0.1:%d/nextcloud", server.Port), db, mounts
	},
	"MariaDB": func(t *testing.T, prefix string) (string, *sqlx.DB, *storagetest.Nextcloud) {
		server := storagetest.MariaDB(t)
		db := server.CreateDatabase("nextcloud", "owner", "secret")
		mounts := storagetest.NewNextcloud(t, db, prefix)
		for _, statement := range []string{
			`CREATE USER reader@'%' IDENTIFIED BY 'only 4 reading'`, `GRANT SELECT ON nextcloud.* TO reader@'%'`,
		} {
			db.MustExec(statement)
		}
		return fmt.Sprintf("mysql://reader:only%%204%%20reading@127.0.0.1:%d/nextcloud", server.Port), db, mounts
	},
}

func TestConformanceWhoSeesAFile(t *testing.T) {
	t.Parallel()
	for name, open := range readOnlyDatabases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const prefix = "nc_"
			s := newSite(t)
			database, _, mounts := open(t, prefix)
			mounts.Mount(7, "alice", "files")
			mounts.Mount(7, "bob", "files/foo")
			mounts.Mount(8, "alice", "")
			mounts.Mount(4294967295, "bob", "files/größer & ärger 🦊")
			p := s.serveAtOnce("--database-url", database, "--database-prefix", prefix)
			alice, bob := p.loginForIDs("alice"), p.loginForIDs("bob")
			for i, test := range []struct {
				storage    uint64
				path       string
				alice, bob bool
			}{
				{7, "files/foo", true, true},
				{7, "files/foo/a.txt", true, true},
				{7, "files/bar", true, false},
				{7, "files", true, false},
				{8, "anything/at/all", true, false},
				{8, "", true, false},
				{4294967295, "files/größer & ärger 🦊/a", false, true},
				{9, "files", false, false},
				{7, "trashbin/foo", false, false},
				{7, "files/foobar/secret.txt", true, false},
			} {
				if test.path == "files/foobar/secret.txt" && !isOurs() {
					continue // better: path segments
				}
				push := fmt.Sprintf("notify_file_id [%d]", 100+i)
				s.publishAtOnce(fileEvent(test.storage, test.path, uint64(100+i)))
				if test.alice {
					alice.expect(push)
				}
				if test.bob {
					bob.expect(push)
				}
			}
			s.publishAtOnce(fileEvent(7, "files/foo", 1)) // none of the others has come to who doesn't see it
			alice.expect("notify_file_id [1]")
			bob.expect("notify_file_id [1]")
		})
	}
}

func TestConformanceDatabaseIsNotWritten(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	path := strings.TrimPrefix(s.database, "sqlite:")
	sum := func() [sha256.Size]byte {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		log, err := os.ReadFile(path + "-wal")
		require.NoError(t, err)
		return sha256.Sum256(append(content, log...))
	}
	before := sum()
	p := s.serveAtOnce()
	alice := p.login("alice")
	s.publishAtOnce(fileEvent(7, "files", 1))
	alice.expect("notify_file")
	p.terminate()
	require.Equal(t, before, sum())
}

func TestConformanceStorageIsAskedForOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	p := s.serveAtOnce()
	alice := p.login("alice")
	for range 20 {
		s.publishAtOnce(fileEvent(7, "files", 1))
		alice.expect("notify_file")
	}
	require.LessOrEqual(t, p.metric("mapping_query_count"), 2.0, "and once more after 2 s, because of users who appear")
}

// TestConformanceMountsThatChange writes mounts down after the files that they are for have changed, and before they are read again 2 s later,
// as Nextcloud does when the user comes.
func TestConformanceMountsThatChange(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	for name, open := range readOnlyDatabases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			database, _, mounts := open(t, "oc_")
			mounts.Mount(7, "alice", "files")
			p := s.serveAtOnce("--database-url", database)
			alice, bob := p.loginForIDs("alice"), p.loginForIDs("bob")
			s.publishAtOnce(event{"notify_user_share_created", `{"user":"bob"}`}, fileEvent(7, "files/foo/a", 1), fileEvent(8, "files", 2))
			bob.expect("notify_file")
			alice.expect("notify_file_id [1]")
			time.Sleep(100 * time.Millisecond)
			mounts.Mount(7, "bob", "files/foo")
			mounts.Mount(8, "alice", "")
			bob.expect("notify_file_id [1]")
			alice.expect("notify_file_id [2]")

			mounts.Unmount(7, "bob")
			s.publishAtOnce(event{"notify_notification", `{"user":"bob"}`})
			bob.expect("notify_notification")
			s.publishAtOnce(fileEvent(7, "files/foo/a", 3))
			bob.expect("notify_file_id [3]") // by the rows that are known
			alice.expect("notify_file_id [3]")
			id := uint64(3)
			p.await("his mount is known to be gone", func() bool {
				time.Sleep(time.Second)
				id++
				s.publishAtOnce(fileEvent(7, "files/foo/a", id))
				alice.expect(fmt.Sprintf("notify_file_id [%d]", id))
				s.publishAtOnce(customEvent("bob", "behind it"))
				push := bob.hear()
				if push == "behind it" {
					return true
				}
				require.Equal(t, fmt.Sprintf("notify_file_id [%d]", id), push)
				bob.expect("behind it")
				return false
			})
		})
	}
}

// TestConformanceOneQueryForAllWhoWait has the database wait while events for many storages come.
func TestConformanceOneQueryForAllWhoWait(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	const firstStorage, storages, eventsOfEach = 1000, 50, 20
	s := newSite(t)
	database, db, mounts := readOnlyDatabases["PostgreSQL"](t, "oc_")
	for storage := range storages {
		mounts.Mount(uint64(firstStorage+storage), "alice", "files")
	}
	p := s.serveAtOnce("--database-url", database)
	alice := p.loginForIDs("alice")

	lock, err := db.Begin()
	require.NoError(t, err)
	_, err = lock.Exec(`LOCK TABLE oc_mounts IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	var events []event
	waiting := map[string]bool{}
	for i := range storages * eventsOfEach {
		events = append(events, fileEvent(uint64(firstStorage+i%storages), "files/a", uint64(i)))
		waiting[fmt.Sprintf("notify_file_id [%d]", i)] = true
	}
	s.publishAtOnce(events...)
	p.awaitMetric("event_count_total", float64(len(events)))
	s.publishAtOnce(customEvent("alice", "not held up")) // other pushes don't wait for the database
	alice.expect("not held up")
	require.NoError(t, lock.Commit())
	for range events {
		push := alice.hear()
		require.True(t, waiting[push], push)
		delete(waiting, push)
	}
	require.Less(t, p.metric("mapping_query_count"), float64(storages)/2, "4 where nothing is slow enough for the next reading to be due")
}

// TestConformanceNewShares has what is cached about a user refreshed by an event that says that the user has a new share.
func TestConformanceNewShares(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	for _, channel := range []string{"notify_user_share_created", "notify_group_membership_update"} {
		s := newSite(t)
		s.mounts.Mount(7, "bob", "files")
		p := s.serveAtOnce()
		alice, bob := p.loginForIDs("alice"), p.loginForIDs("bob")
		s.publishAtOnce(fileEvent(7, "files/shared/a", 1))
		bob.expect("notify_file_id [1]")

		s.mounts.Mount(7, "alice", "files/shared")
		s.publishAtOnce(fileEvent(7, "files/shared/a", 2))
		bob.expect("notify_file_id [2]")
		s.publish(channel, `{"user":"alice","group":"staff"}`)
		alice.expect("notify_file") // and not of file 2, because what is known of the storage is old
		p.await("alice hears of the files that she sees now", func() bool {
			s.publishAtOnce(fileEvent(7, "files/shared/a", 3))
			bob.expect("notify_file_id [3]")
			select {
			case push := <-alice.heard:
				return push.text == "notify_file_id [3]"
			default:
				return false
			}
		})
	}
}

func TestConformanceDatabaseURLs(t *testing.T) {
	t.Parallel()
	database, _, mounts := readOnlyDatabases["PostgreSQL"](t, "oc_")
	mounts.Mount(7, "alice", "files")
	s := newSite(t)
	p := s.serveAtOnce("DATABASE_URL=" + strings.Replace(database, "postgres://", "postgresql://", 1))
	alice := p.login("alice")
	s.publishAtOnce(fileEvent(7, "files", 1))
	alice.expect("notify_file")
}
