package storage_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"

	. "github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// another is a user and group without a name and without rights.
const another = 64998

// TestSocketsWithoutPermission connects as a user to whom each server's socket, or a folder on the way to
// it, is closed.
func TestSocketsWithoutPermission(t *testing.T) {
	sockets := strings.Fields(os.Getenv("SOCKETS"))
	if len(sockets) == 0 {
		redis, mariadb, postgres := storagetest.Redis(t), storagetest.MariaDB(t), storagetest.Postgres(t)
		pg := filepath.Join(postgres.Folder, ".s.PGSQL."+strconv.Itoa(int(postgres.Port)))
		sockets = []string{redis.Socket, mariadb.Socket, pg}
		for _, socket := range sockets {
			require.NoError(t, os.Chmod(socket, 0o660))
		}
		closed := filepath.Join(storagetest.Dir(t), "closed")
		require.NoError(t, os.Mkdir(closed, 0o700))
		sockets = append(sockets, closed)
	}
	if !storagetest.AsUser(t, another, another, "SOCKETS="+strings.Join(sockets, " ")) {
		return
	}
	closed := sockets[3]
	for _, test := range []struct {
		err   error
		words []string
	}{
		{subscribeTo(t, "unix://"+sockets[0]), []string{"let this user connect: user 64998 needs group root", "unixsocketperm 770"}},
		{pingOf(t, DatabaseOptions{Driver: MySQL, Socket: sockets[1]}), []string{"let this user connect: user 64998 needs group "}},
		{pingOf(t, DatabaseOptions{Driver: Postgres, Socket: sockets[2], User: "u"}), []string{"let this user connect: user 64998 needs group ", "unix_socket_permissions 0770"}},
		{subscribeTo(t, "unix://"+closed+"/redis.sock"), []string{"may not enter the folder " + closed}},
		{pingOf(t, DatabaseOptions{Driver: MySQL, Socket: closed + "/mysqld.sock"}), []string{"may not enter the folder " + closed}},
		{pingOf(t, DatabaseOptions{Driver: Postgres, Socket: closed, User: "u"}), []string{"may not enter the folder " + closed}},
		{localMySQL(t, "/nowhere/mysqld.sock", sockets[1]), []string{"let this user connect: user 64998 needs group "}},
	} {
		for _, word := range test.words {
			require.ErrorContains(t, test.err, word)
		}
		require.NotContains(t, test.err.Error(), "running")
	}
}

func TestSocketsThatAreNotThere(t *testing.T) {
	dir := storagetest.Dir(t)
	file, stale := filepath.Join(dir, "file"), filepath.Join(dir, "stale")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale})
	require.NoError(t, err)
	listener.SetUnlinkOnClose(false)
	require.NoError(t, listener.Close())
	require.ErrorContains(t, subscribeTo(t, "unix:///nowhere/redis.sock"), "the folder /nowhere does not exist: is Redis running, and is this the path of unixsocket in redis.conf?")
	require.ErrorContains(t, subscribeTo(t, "unix:///redis.sock"), "there is no socket: is Redis running")
	require.ErrorContains(t, subscribeTo(t, "unix://"+dir+"/redis.sock"), "PrivateTmp")
	require.ErrorContains(t, subscribeTo(t, "unix://"+file), "this is not a socket")
	require.ErrorContains(t, subscribeTo(t, "unix://"+dir), "this is not a socket")
	require.ErrorContains(t, subscribeTo(t, "unix://"+stale), "no process listens at this socket")
	require.ErrorContains(t, localMySQL(t, "/nowhere/mysqld.sock"), "no usual socket")
}

// subscribeTo returns why a subscription at an address failed.
func subscribeTo(t *testing.T, address string) error {
	t.Helper()
	r := OpenRedis(t, RedisOptions{Addresses: []string{address}, ReadTimeout: 5 * time.Second})
	return r.Receive(t.Context(), []string{"a"}, func() { t.Error("subscribed") }, nil)
}

func pingOf(t *testing.T, options DatabaseOptions) error {
	t.Helper()
	return openMounts(t, options).Ping(t.Context())
}

func localMySQL(t *testing.T, sockets ...string) error {
	t.Helper()
	setLocalSockets(t, sockets...)
	return pingOf(t, DatabaseOptions{Driver: MySQL, Host: "localhost", Port: 1})
}

// TestRedisThatIsNone has something else answer, or a Redis that does not want to.
func TestRedisThatIsNone(t *testing.T) {
	full := storagetest.Redis(t)
	full.Do("", "CONFIG", "SET", "maxclients", 1)
	occupier, err := redis.Dial("unix", full.Socket)
	require.NoError(t, err)
	defer occupier.Close()
	renamed := storagetest.Redis(t, "--rename-command", "SUBSCRIBE", "")
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	mail := Listen(t, says("220 mail.example.com ESMTP\r\n"))
	secured := Listen(t, says("\x15\x03\x01\x00\x02\x02\x46")) // a TLS alert
	protected := Listen(t, says("-DENIED Redis is running in protected mode\r\n"))
	sentinel := startSentinel(t)
	for _, test := range []struct {
		name, address string
		words         []string
	}{
		{"full", full.URL(), []string{"max number of clients", "maxclients"}},
		{"SUBSCRIBE is disabled", renamed.URL(), []string{"SUBSCRIBE is renamed or disabled"}},
		{"a web server", "redis://" + web.Listener.Addr().String(), []string{"this is a web server", "correct the port"}},
		{"TLS", "redis://" + secured.String(), []string{"does this port want TLS?"}},
		{"what hangs up, as PostgreSQL does", "redis://" + Listen(t, func(client net.Conn) { client.Close() }).String(), []string{"is it Redis that listens there"}},
		{"a mail server", "redis://" + mail.String(), []string{"unexpected reply: is this really a Redis server?"}},
		{"protected mode", "redis://" + protected.String(), []string{"protected mode", "requirepass"}},
		{"a Sentinel", "redis://" + sentinel, []string{"this is a Sentinel", "6379"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := subscribeTo(t, test.address)
			for _, word := range test.words {
				require.ErrorContains(t, err, word)
			}
			require.NotContains(t, err.Error(), "ACL")
		})
	}
	t.Run("keys of a Sentinel", func(t *testing.T) {
		_, _, err := OpenRedis(t, RedisOptions{Addresses: []string{"redis://" + sentinel}}).Get(t.Context(), "key")
		require.ErrorContains(t, err, "this is a Sentinel")
		_, _, err = OpenRedis(t, RedisOptions{Addresses: []string{"redis://" + sentinel}, Database: 3}).Get(t.Context(), "key")
		require.ErrorContains(t, err, "this is a Sentinel")
	})
	t.Run("a password that Redis would repeat", func(t *testing.T) {
		server := storagetest.Redis(t, "--rename-command", "AUTH", "")
		err := OpenRedis(t, RedisOptions{Addresses: []string{server.URL()}, Password: "hunter2"}).Set(t.Context(), "key", "value", 0)
		require.ErrorContains(t, err, "AUTH is renamed or disabled")
		require.NotContains(t, fmt.Sprintf("%v %+v", err, err), "hunter2")
	})
}

// says is a server that says that much to each client, whatever it asks.
func says(text string) func(net.Conn) {
	return func(client net.Conn) {
		_, _ = io.WriteString(client, text)
		_, _ = io.Copy(io.Discard, client)
		client.Close()
	}
}

func startSentinel(t *testing.T) (address string) {
	t.Helper()
	program := storagetest.Program(t, "redis-server")
	dir, port := storagetest.Dir(t), storagetest.FreePort(t)
	file := filepath.Join(dir, "sentinel.conf")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "bind 127.0.0.1\nport %d\ndir %s\n", port, dir), 0o600))
	address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	storagetest.StartProcess(t, func() error {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err
	}, program, file, "--sentinel")
	return address
}

func TestMayRun(t *testing.T) {
	server := storagetest.Redis(t)
	server.Do("", "ACL", "SETUSER", "reader", "on", ">x", "+get", "+acl|dryrun", "~test-token")
	server.Do("", "ACL", "SETUSER", "silent", "on", ">x", "+get", "~test-token")
	as := func(user string) *Redis {
		return OpenRedis(t, RedisOptions{Addresses: []string{server.URL()}, User: user, Password: "x"})
	}
	require.NoError(t, OpenRedis(t, RedisOptions{Addresses: []string{server.URL()}}).MayRun(t.Context(), "SET", "test-token", "1"))
	require.NoError(t, as("reader").MayRun(t.Context(), "GET", "test-token"))
	err := as("reader").MayRun(t.Context(), "SET", "test-token", "1")
	RequireStep(t, "SET", err)
	require.ErrorContains(t, err, "NOPERM")
	require.ErrorContains(t, err, "ACL SETUSER")
	RequireStep(t, "GET", as("reader").MayRun(t.Context(), "GET", "other"))
	require.ErrorIs(t, as("silent").MayRun(t.Context(), "GET", "test-token"), ErrNotTried)
	require.EqualValues(t, 0, server.Do("", "DBSIZE"))
}

// TestDatabaseThatIsNone has something else answer at the database's address.
func TestDatabaseThatIsNone(t *testing.T) {
	port := func(serve func(net.Conn)) uint16 { return Listen(t, serve).AddrPort().Port() }
	mail := port(says("220 mail.example.com ESMTP\r\n"))
	web := port(says("HTTP/1.1 400 Bad Request\r\n\r\n"))
	closing := port(func(client net.Conn) { client.Close() })
	silent := port(says(""))
	for _, test := range []struct {
		name string
		DatabaseOptions
	}{
		{"PostgreSQL: a web server", DatabaseOptions{Driver: Postgres, Port: web}},
		{"PostgreSQL: a web server, TLS", DatabaseOptions{Driver: Postgres, Port: web, TLS: DatabaseTLS{Mode: TLSRequire}}},
		{"PostgreSQL: ends", DatabaseOptions{Driver: Postgres, Port: closing}},
		{"PostgreSQL: silence", DatabaseOptions{Driver: Postgres, Port: silent}},
		{"MySQL: a mail server", DatabaseOptions{Driver: MySQL, Port: mail}},
		{"MySQL: ends", DatabaseOptions{Driver: MySQL, Port: closing}},
		{"MySQL: silence", DatabaseOptions{Driver: MySQL, Port: silent}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // some wait for a timeout
			options := test.DatabaseOptions
			options.Host, options.User = "127.0.0.1", "u"
			if options.TLS.Mode == "" {
				options.TLS.Mode = TLSDisable
			}
			err := pingOf(t, options)
			t.Log(err)
			require.ErrorContains(t, err, "is this really a "+options.ServerName()+" server?")
		})
	}
}

// TestSlowQuery has a query that takes longer than it may: the database gives it up, too, and the error
// says what is slow.
func TestSlowQuery(t *testing.T) {
	mariadb, postgres := storagetest.MariaDB(t), storagetest.Postgres(t)
	for _, test := range []struct {
		name string
		db   interface {
			Get(any, string, ...any) error
		}
		slowly  func()
		running string
		options DatabaseOptions
	}{
		{
			name: "MariaDB", db: mariadb.Open(""),
			slowly: func() {
				storagetest.NewNextcloud(t, mariadb.CreateDatabase("nc", "u", "x"), "oc_").Mount(1, "alice", "files")
				mariadb.Open("nc").MustExec("RENAME TABLE oc_mounts TO oc_real")
				mariadb.Open("nc").MustExec("CREATE VIEW oc_mounts AS SELECT * FROM oc_real WHERE BENCHMARK(10000000000, MD5(user_id)) = 0")
			},
			running: "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%root_id = fileid%' AND id <> CONNECTION_ID()",
			options: DatabaseOptions{Driver: MySQL, Port: mariadb.Port},
		},
		{
			name: "PostgreSQL", db: postgres.Open("postgres"),
			slowly: func() {
				storagetest.NewNextcloud(t, postgres.CreateDatabase("nc", "u", "x"), "oc_").Mount(1, "alice", "files")
				postgres.Open("nc").MustExec("ALTER TABLE oc_mounts RENAME TO oc_real")
				postgres.Open("nc").MustExec("CREATE VIEW oc_mounts AS SELECT * FROM oc_real WHERE pg_sleep(600) IS NOT NULL; GRANT ALL ON oc_mounts TO u")
			},
			running: "SELECT COUNT(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%root_id = fileid%' AND pid <> pg_backend_pid()",
			options: DatabaseOptions{Driver: Postgres, Port: postgres.Port},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.slowly()
			options := test.options
			options.Host, options.Name, options.User, options.Password, options.Prefix = "127.0.0.1", "nc", "u", "x", "oc_"
			m := openMounts(t, options)
			require.NoError(t, m.Ping(t.Context()))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := m.MountsOfStorages(ctx, []uint64{1})
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "took longer than 1 s: an index is missing: occ db:add-missing-indices")
			require.Eventually(t, func() bool {
				var running int
				require.NoError(t, test.db.Get(&running, test.running))
				return running == 0
			}, 30*time.Second, 10*time.Millisecond, "the database goes on with it")
		})
	}
}
