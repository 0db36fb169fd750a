package test

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// TestFaultsDatabase takes the database away while 300 files change that nobody has asked about yet,
// and meanwhile other pushes go on.
func TestFaultsDatabase(t *testing.T) {
	t.Parallel()
	const events, storages = 300, 100
	type database struct {
		*storagetest.Process
		url    string
		mounts *storagetest.Nextcloud
	}
	postgres := func(t *testing.T) database {
		server := storagetest.Postgres(t)
		db := server.CreateDatabase("nextcloud", "user", "pass")
		return database{server.Process, fmt.Sprintf("postgres://user:pass@127.0.0.1:%d/nextcloud?sslmode=disable", server.Port), storagetest.NewNextcloud(t, db, "oc_")}
	}
	mariadb := func(t *testing.T) database {
		server := storagetest.MariaDB(t)
		db := server.CreateDatabase("nextcloud", "user", "pass")
		return database{server.Process, fmt.Sprintf("mysql://user:pass@127.0.0.1:%d/nextcloud", server.Port), storagetest.NewNextcloud(t, db, "oc_")}
	}
	for _, test := range []struct {
		name  string
		start func(*testing.T) database
		fault func(*storagetest.Process)
		end   func(*storagetest.Process)
	}{
		{"PostgreSQL is killed", postgres, (*storagetest.Process).Kill, (*storagetest.Process).Start},
		{"PostgreSQL is paused", postgres, (*storagetest.Process).Pause, (*storagetest.Process).Resume},
		{"MariaDB is killed", mariadb, (*storagetest.Process).Kill, (*storagetest.Process).Start},
		{"MariaDB is paused", mariadb, (*storagetest.Process).Pause, (*storagetest.Process).Resume},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			db := test.start(t)
			for i := range storages {
				db.mounts.Mount(uint64(i), "bob", "files")
			}
			db.mounts.Mount(storages, "bob", "files")
			s := newSite(t)
			p := s.serveAtOnce("DATABASE_URL=" + db.url)
			bob := p.loginForIDs("bob")
			s.publishAtOnce(fileEvent(storages, "files/a", 7))
			bob.expect("notify_file_id [7]") // a connection to the database is open, and this storage is known
			r := p.follow()

			test.fault(db.Process)
			s.publishAtOnce(fileEvent(storages, "files/a", 8))
			bob.expect("notify_file_id [8]")
			var waiting []event
			for i := range events {
				waiting = append(waiting, fileEvent(uint64(i%storages), "files/a", uint64(1000+i)))
			}
			s.publishAtOnce(waiting...)
			time.Sleep(span(2*time.Second, 20*time.Second))
			r.awaitNext()
			test.end(db.Process)
			r.faultIsOver()

			began := time.Now()
			got := map[string]bool{}
			for len(got) < events {
				text := bob.hear()
				require.False(t, got[text], "twice: %s", text)
				got[text] = true
			}
			t.Logf("toll: %d of %d file events delivered, the last %v after the database was back", len(got), events, time.Since(began).Round(time.Millisecond))
			r.finish().requireNothingLost(t)
			p.await("it is ready", p.ready)
		})
	}
}

// TestFaultsEverythingIsAbsent starts with no Redis, no database and no Nextcloud.
func TestFaultsEverythingIsAbsent(t *testing.T) {
	t.Parallel()
	db := storagetest.Postgres(t)
	mounts := storagetest.NewNextcloud(t, db.CreateDatabase("nextcloud", "user", "pass"), "oc_")
	mounts.Mount(7, "alice", "files")
	s := newSite(t)
	cloud := storagetest.NewProxy(t, strings.TrimPrefix(s.url, "http://"))
	s.redis.Kill()
	db.Kill()
	cloud.Cut()

	manager := listenAsManager(t)
	serverCommand(t) // is built now
	began := time.Now()
	p := s.launch("NEXTCLOUD_URL=http://"+cloud.Addr(), "NOTIFY_SOCKET="+manager.path,
		fmt.Sprintf("DATABASE_URL=postgres://user:pass@127.0.0.1:%d/nextcloud?sslmode=disable", db.Port))
	p.await("it listens", func() bool {
		conn, err := net.Dial("tcp", p.address())
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	t.Logf("toll: listens %v after the start, with nothing there", time.Since(began).Round(time.Millisecond))
	p.await("it says what is missing", func() bool {
		ready, reasons := p.readiness()
		return !ready && strings.Contains(reasons["redis"], "connection refused")
	})
	require.Equal(t, http.StatusOK, request(t, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/livez", p.metricsPort)).status)
	manager.await(t, "STATUS=database: connect to PostgreSQL at 127.0.0.1:", "redis: Redis at "+s.redis.URL())
	text := p.loginRefused("alice", passwordOf("alice"))
	require.True(t, strings.HasPrefix(text, "err: Error while sending authentication request to nextcloud: "), text)
	require.NotContains(t, manager.heard(), "READY=1")

	cloud.Resume()
	alice := p.loginForIDs("alice") // Nextcloud alone is enough to log in
	s.redis.Start()
	p.awaitSubscription()
	manager.await(t, "READY=1")
	s.publishAtOnce(fileEvent(7, "files/a", 42))
	db.Start()
	for text := ""; text != "notify_file_id [42]"; text = alice.hear() {
		require.NotContains(t, text, "err")
	}
	manager.await(t, "STATUS=serving")
	p.await("it is ready", p.ready)
}

// manager is a service manager that is notified of the state.
type manager struct {
	path string
	conn *net.UnixConn
	said []string
}

func listenAsManager(t *testing.T) *manager {
	t.Helper()
	path := storagetest.Dir(t) + "/notify"
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return &manager{path: path, conn: conn}
}

// await reads until a notification begins so, and has all the words in it.
func (m *manager) await(t *testing.T, beginning string, words ...string) {
	t.Helper()
	require.NoError(t, m.conn.SetReadDeadline(time.Now().Add(patience)))
	buffer := make([]byte, 4096)
	for {
		n, err := m.conn.Read(buffer)
		require.NoError(t, err, "waiting for %s after %q", beginning, m.said)
		m.said = append(m.said, string(buffer[:n]))
		lacking := func(word string) bool { return !strings.Contains(m.said[len(m.said)-1], word) }
		if strings.HasPrefix(string(buffer[:n]), beginning) && !slices.ContainsFunc(words, lacking) {
			return
		}
	}
}

func (m *manager) heard() []string { return m.said }

// TestDatabaseIsMissedWhileIdle takes the database away from a daemon that nobody wants anything of, and gives it back.
func TestDatabaseIsMissedWhileIdle(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	server := storagetest.Postgres(t)
	storagetest.NewNextcloud(t, server.CreateDatabase("nextcloud", "user", "pass"), "oc_")
	proxy := storagetest.NewProxy(t, fmt.Sprintf("127.0.0.1:%d", server.Port))
	p := newSite(t).serve("DATABASE_URL=postgres://user:pass@"+proxy.Addr()+"/nextcloud?sslmode=disable", "DATABASE_PING=0.2")
	const metric = `notify_push_dependency_available{dependency="database"}`
	p.await("it is ready", p.ready)
	p.awaitMetric(metric, 1)
	proxy.Cut()
	p.awaitLog("lost connection to database")
	p.awaitMetric(metric, 0)
	_, reasons := p.readiness()
	require.Contains(t, reasons, "database")
	require.Empty(t, p.newcomers(), "all servers miss it")
	proxy.Resume()
	p.awaitLog("reconnected to database")
	p.awaitMetric(metric, 1)
	require.True(t, p.ready())
}
