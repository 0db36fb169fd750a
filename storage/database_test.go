package storage_test

import (
	"context"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	. "github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/internal/dial"
	_ "github.com/notifypush/notifypush/storage/mysql"
	_ "github.com/notifypush/notifypush/storage/postgres"
	_ "github.com/notifypush/notifypush/storage/sqlite"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// connection is a way to a database as Nextcloud's configuration can describe it.
type connection struct {
	name    string
	change  func(*DatabaseOptions)
	usesTLS string // what the server says about the connection; empty: do not ask
	err     string // empty: it works
}

func testConnections(t *testing.T, good DatabaseOptions, askTLS string, connections []connection) {
	for _, test := range connections {
		t.Run(test.name, func(t *testing.T) {
			options := good
			test.change(&options)
			m := openMounts(t, options)
			_, err := m.MountsOfStorages(t.Context(), []uint64{1})
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				require.ErrorContains(t, err, options.String())
				require.NotContains(t, err.Error(), EveryCharacter)
				return
			}
			require.NoError(t, err)
			require.NoError(t, m.Ping(t.Context()))
			if test.usesTLS != "" {
				var usesTLS string
				require.NoError(t, m.Pool().Get(&usesTLS, askTLS))
				require.Equal(t, test.usesTLS, usesTLS)
			}
		})
	}
}

func TestMariaDB(t *testing.T) {
	server := storagetest.MariaDB(t)
	db := server.CreateDatabase("nextcloud", "next cloud", EveryCharacter)
	good := DatabaseOptions{
		Driver: MySQL, Host: "127.0.0.1", Port: server.Port,
		Name: "nextcloud", User: "next cloud", Password: EveryCharacter, Prefix: "oc_",
	}
	testMounts(t, db, good)

	cert, key := server.Authority.Issue("client")
	_, err := db.Exec("CREATE USER 'certified'@'%' IDENTIFIED BY 'x' REQUIRE X509")
	require.NoError(t, err)
	_, err = db.Exec("CREATE USER 'encrypted'@'%' IDENTIFIED BY 'x' REQUIRE SSL")
	require.NoError(t, err)
	_, err = db.Exec("GRANT SELECT ON nextcloud.* TO 'certified'@'%', 'encrypted'@'%'")
	require.NoError(t, err)
	_, err = db.Exec("CREATE USER 'unprivileged'@'%' IDENTIFIED BY 'x'")
	require.NoError(t, err)
	ca, other := server.Authority.CA, storagetest.NewAuthority(t).CA
	as := func(o *DatabaseOptions, user string) { o.User, o.Password = user, "x" }

	testConnections(t, good, "SELECT IF(variable_value = '', 'no', 'yes') FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'", []connection{
		{"TCP", func(o *DatabaseOptions) {}, "no", ""},
		{"socket", func(o *DatabaseOptions) { o.Host, o.Port, o.Socket = "", 0, server.Socket }, "no", ""},
		{"CA only", func(o *DatabaseOptions) { o.TLS = DatabaseTLS{Mode: TLSVerifyFull, CA: ca} }, "yes", ""},
		{"CA folder", func(o *DatabaseOptions) { o.TLS = DatabaseTLS{Mode: TLSVerifyFull, CAPath: filepath.Dir(ca)} }, "yes", ""},
		{"another CA", func(o *DatabaseOptions) { o.TLS = DatabaseTLS{Mode: TLSVerifyFull, CA: other} }, "", "give the authority"},
		{"system's CAs", func(o *DatabaseOptions) { o.TLS = DatabaseTLS{Mode: TLSVerifyFull} }, "", "give the authority"},
		{"no such CA", func(o *DatabaseOptions) { o.TLS = DatabaseTLS{Mode: TLSVerifyFull, CA: "/nowhere/ca.pem"} }, "", "check the path"},
		{"chain only", func(o *DatabaseOptions) { o.TLS = DatabaseTLS{Mode: TLSVerifyCA, CA: ca} }, "yes", ""},
		{"no verification", func(o *DatabaseOptions) { o.TLS = DatabaseTLS{Mode: TLSRequire, CA: other} }, "yes", ""},
		{"preferred", func(o *DatabaseOptions) { o.TLS = DatabaseTLS{Mode: TLSPrefer} }, "yes", ""},
		{"TLS over the socket", func(o *DatabaseOptions) {
			o.Host, o.Socket, o.TLS = "", server.Socket, DatabaseTLS{Mode: TLSVerifyFull, CA: ca}
		}, "yes", ""},
		{"cipher", func(o *DatabaseOptions) {
			o.TLS = DatabaseTLS{Mode: TLSRequire, Cipher: "ECDHE-ECDSA-AES128-GCM-SHA256:DHE-RSA-AES256-SHA"}
		}, "yes", ""},
		{"client certificate", func(o *DatabaseOptions) {
			as(o, "certified")
			o.TLS = DatabaseTLS{Mode: TLSVerifyFull, CA: ca, Cert: cert, Key: key}
		}, "yes", ""},
		{"no client certificate", func(o *DatabaseOptions) {
			as(o, "certified")
			o.TLS = DatabaseTLS{Mode: TLSVerifyFull, CA: ca}
		}, "", "check user and password"},
		{"key that is missing", func(o *DatabaseOptions) {
			o.TLS = DatabaseTLS{Mode: TLSRequire, Cert: cert, Key: "/nowhere/key.pem"}
		}, "", "/nowhere/key.pem"},
		{"server wants TLS", func(o *DatabaseOptions) { as(o, "encrypted") }, "", "check user and password"},
		{"wrong password", func(o *DatabaseOptions) { o.Password += "!" }, "", "check user and password"},
		{"no such database", func(o *DatabaseOptions) { o.Name = "owncloud" }, "", "check the database's name"},
		{"no right to read", func(o *DatabaseOptions) { as(o, "unprivileged") }, "", "check the database's name"},
		{"nobody listens", func(o *DatabaseOptions) { o.Port = uint16(storagetest.FreePort(t)) }, "", "is MySQL running"},
		{"no such socket", func(o *DatabaseOptions) { o.Socket = "/nowhere/mysqld.sock" }, "", "the folder /nowhere does not exist: is MySQL running"},
	})

	t.Run("localhost", func(t *testing.T) {
		setLocalSockets(t)
		for _, host := range []string{"", "localhost"} {
			local := good
			local.Host = host
			testConnections(t, local, "SELECT SUBSTRING_INDEX(host, ':', 1) FROM information_schema.processlist WHERE id = CONNECTION_ID()", []connection{
				{"TCP without a socket, " + host, func(o *DatabaseOptions) {}, "127.0.0.1", ""},
			})
			t.Run("MYSQL_UNIX_PORT "+host, func(t *testing.T) {
				t.Setenv("MYSQL_UNIX_PORT", server.Socket)
				testConnections(t, local, "SELECT host FROM information_schema.processlist WHERE id = CONNECTION_ID()", []connection{
					{"socket", func(o *DatabaseOptions) { o.Port = 1 }, "localhost", ""},
				})
			})
			t.Run("usual socket "+host, func(t *testing.T) {
				setLocalSockets(t, "/nowhere/mysqld.sock", server.Socket)
				testConnections(t, local, "SELECT host FROM information_schema.processlist WHERE id = CONNECTION_ID()", []connection{
					{"socket", func(o *DatabaseOptions) { o.Port = 1 }, "localhost", ""},
				})
			})
		}
	})
	t.Run("hangs", func(t *testing.T) {
		m := openMounts(t, good)
		require.NoError(t, m.Ping(t.Context()))
		server.Pause()
		defer server.Resume()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := m.MountsOfStorages(ctx, []uint64{1})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
	t.Run("restarts", func(t *testing.T) {
		m := openMounts(t, good)
		require.NoError(t, m.Ping(t.Context()))
		server.Kill()
		_, err := m.MountsOfStorages(t.Context(), []uint64{1})
		require.ErrorContains(t, err, "is MySQL running")
		require.ErrorContains(t, m.Ping(t.Context()), "is MySQL running")
		server.Start()
		mounts, err := m.MountsOfStorages(t.Context(), []uint64{1})
		require.NoError(t, err)
		require.NotEmpty(t, mounts)
	})
}

func setLocalSockets(t *testing.T, sockets ...string) {
	usual := dial.MySQLSockets
	dial.MySQLSockets = sockets
	t.Cleanup(func() { dial.MySQLSockets = usual })
}

func TestMariaDBWithoutTLS(t *testing.T) {
	server := storagetest.MariaDB(t, "--skip-ssl")
	storagetest.NewNextcloud(t, server.CreateDatabase("nextcloud", "user", "x"), "oc_")
	good := DatabaseOptions{
		Driver: MySQL, Host: "127.0.0.1", Port: server.Port, Name: "nextcloud", User: "user", Password: "x", Prefix: "oc_",
	}
	testConnections(t, good, "", []connection{
		{"preferred", func(o *DatabaseOptions) { o.TLS.Mode = TLSPrefer }, "", ""},
		{"required", func(o *DatabaseOptions) { o.TLS.Mode = TLSRequire }, "", "the server has no TLS"},
	})
}

func TestPostgres(t *testing.T) {
	server := storagetest.Postgres(t)
	db := server.CreateDatabase("nextcloud", "next cloud", EveryCharacter)
	good := DatabaseOptions{
		Driver: Postgres, Host: "127.0.0.1", Port: server.Port,
		Name: "nextcloud", User: "next cloud", Password: EveryCharacter, Prefix: "oc_",
	}
	testMounts(t, db, good)

	self, err := user.Current()
	require.NoError(t, err)
	for _, role := range []string{self.Username, "certified", "encrypted", "unprivileged"} {
		_, err := db.Exec(`CREATE ROLE "` + role + `" LOGIN PASSWORD 'x'`)
		require.NoError(t, err)
		if role != "unprivileged" {
			_, err = db.Exec(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO "` + role + `"`)
			require.NoError(t, err)
		}
	}
	cert, key := server.Authority.Issue("certified")
	ca, other := server.Authority.CA, storagetest.NewAuthority(t).CA
	socket := filepath.Join(server.Folder, ".s.PGSQL."+strconv.Itoa(int(server.Port)))
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(server.Port)))
	closed := net.JoinHostPort("127.0.0.1", strconv.Itoa(storagetest.FreePort(t)))
	as := func(o *DatabaseOptions, user string) { o.User, o.Password = user, "x" }

	testConnections(t, good, "SELECT CASE WHEN ssl THEN 'yes' ELSE 'no' END FROM pg_stat_ssl WHERE pid = pg_backend_pid()", []connection{
		{"TCP", func(o *DatabaseOptions) {}, "yes", ""},
		{"name", func(o *DatabaseOptions) { o.Host = "localhost" }, "yes", ""},
		{"disable", func(o *DatabaseOptions) { o.TLS.Mode = TLSDisable }, "no", ""},
		{"prefer", func(o *DatabaseOptions) { o.TLS.Mode = TLSPrefer }, "yes", ""},
		{"require", func(o *DatabaseOptions) { o.TLS.Mode = TLSRequire }, "yes", ""},
		{"require with CA", func(o *DatabaseOptions) { o.TLS = DatabaseTLS{Mode: TLSRequire, CA: ca} }, "yes", ""},
		{"require with another CA", func(o *DatabaseOptions) { o.TLS = DatabaseTLS{Mode: TLSRequire, CA: other} }, "", "give the authority"},
		{"verify-ca", func(o *DatabaseOptions) { o.TLS = DatabaseTLS{Mode: TLSVerifyCA, CA: ca} }, "yes", ""},
		{"verify-ca with another CA", func(o *DatabaseOptions) { o.TLS = DatabaseTLS{Mode: TLSVerifyCA, CA: other} }, "", "give the authority"},
		{"verify-full", func(o *DatabaseOptions) { o.TLS = DatabaseTLS{Mode: TLSVerifyFull, CA: ca} }, "yes", ""},
		{"verify-full with the system's CAs", func(o *DatabaseOptions) { o.TLS = DatabaseTLS{Mode: TLSVerifyFull, CA: "system"} }, "", "give the authority"},
		{"revocation list", func(o *DatabaseOptions) {
			o.TLS = DatabaseTLS{Mode: TLSVerifyFull, CA: ca, CRL: server.Authority.Revoke(cert)}
		}, "yes", ""},
		{"modes by libpq's parameters", func(o *DatabaseOptions) {
			o.Options = map[string]string{"sslmode": "verify-full", "sslrootcert": other}
		}, "", "give the authority"},
		{"parameters", func(o *DatabaseOptions) {
			o.Options = map[string]string{"sslmode": "allow", "connect_timeout": "10", "application_name": "x", "options": "-c search_path=public",
				"target_session_attrs": "read-write", "keepalives": "1", "gssencmode": "disable"}
		}, "yes", ""},
		{"client certificate", func(o *DatabaseOptions) {
			o.User, o.Password, o.TLS = "certified", "", DatabaseTLS{Mode: TLSVerifyFull, CA: ca, Cert: cert, Key: key}
		}, "yes", ""},
		{"client certificate, unverified", func(o *DatabaseOptions) {
			o.User, o.Password, o.TLS = "certified", "", DatabaseTLS{Cert: cert, Key: key}
		}, "yes", ""},
		{"no client certificate", func(o *DatabaseOptions) {
			o.User, o.Password, o.TLS = "certified", "", DatabaseTLS{Mode: TLSVerifyFull, CA: ca}
		}, "", "check user and password"},
		{"TLS that the server wants", func(o *DatabaseOptions) { as(o, "encrypted") }, "yes", ""},
		{"no TLS although the server wants it", func(o *DatabaseOptions) { as(o, "encrypted"); o.TLS.Mode = TLSDisable }, "", "check user and password"},
		{"socket's folder with its port", func(o *DatabaseOptions) { o.Host, o.Socket = "", server.Folder }, "no", ""},
		{"socket's file", func(o *DatabaseOptions) { o.Host, o.Socket, o.Port = "", socket, 0 }, "no", ""},
		{"TLS modes do not matter to a socket", func(o *DatabaseOptions) { o.Host, o.Socket, o.TLS.Mode = "", socket, TLSVerifyFull }, "no", ""},
		{"peer authentication", func(o *DatabaseOptions) { o.Socket, o.User, o.Password = server.Folder, "", "" }, "no", ""},
		{"several hosts", func(o *DatabaseOptions) { o.Hosts = []string{closed, address} }, "yes", ""},
		{"several hosts with TLS", func(o *DatabaseOptions) {
			o.Hosts, o.TLS = []string{closed, address}, DatabaseTLS{Mode: TLSVerifyFull, CA: ca}
		}, "yes", ""},
		{"several hosts, one a socket", func(o *DatabaseOptions) {
			o.Hosts = []string{closed, net.JoinHostPort(server.Folder, strconv.Itoa(int(server.Port)))}
		}, "no", ""},
		{"several hosts, none there", func(o *DatabaseOptions) { o.Hosts = []string{closed, closed} }, "", "is PostgreSQL running"},
		{"wrong password", func(o *DatabaseOptions) { o.Password += "!" }, "", "check user and password"},
		{"no such database", func(o *DatabaseOptions) { o.Name = "owncloud" }, "", "check the database's name"},
		{"no right to read", func(o *DatabaseOptions) { as(o, "unprivileged") }, "", "let this user read the tables"},
		{"nobody listens", func(o *DatabaseOptions) { o.Port = uint16(storagetest.FreePort(t)) }, "", "is PostgreSQL running"},
		{"no such socket", func(o *DatabaseOptions) { o.Socket = "/nowhere" }, "", "the folder /nowhere does not exist: is PostgreSQL running"},
	})

	t.Run("default socket", func(t *testing.T) {
		usual := dial.PostgresFolders
		dial.PostgresFolders = []string{"/nowhere", server.Folder}
		t.Cleanup(func() { dial.PostgresFolders = usual })
		testConnections(t, good, "SELECT CASE WHEN client_addr IS NULL THEN 'socket' ELSE 'TCP' END FROM pg_stat_activity WHERE pid = pg_backend_pid()", []connection{
			{"socket", func(o *DatabaseOptions) { o.Host = "" }, "socket", ""},
			{"TCP without a socket", func(o *DatabaseOptions) { o.Host = ""; dial.PostgresFolders = []string{"/nowhere"} }, "TCP", ""},
		})
	})
	t.Run("certificates in the home folder", func(t *testing.T) {
		home := t.TempDir()
		t.Setenv("HOME", home)
		require.NoError(t, os.Mkdir(filepath.Join(home, ".postgresql"), 0o700))
		for name, file := range map[string]string{"root.crt": ca, "postgresql.crt": cert, "postgresql.key": key} {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(home, ".postgresql", name), content, 0o600))
		}
		testConnections(t, good, "", []connection{
			{"verify-full", func(o *DatabaseOptions) { o.TLS.Mode = TLSVerifyFull }, "", ""},
			{"client certificate", func(o *DatabaseOptions) { o.User, o.Password, o.TLS.Mode = "certified", "", TLSVerifyFull }, "", ""},
		})
	})
	t.Run("restarts", func(t *testing.T) {
		m := openMounts(t, good)
		require.NoError(t, m.Ping(t.Context()))
		server.Kill()
		_, err := m.MountsOfStorages(t.Context(), []uint64{1})
		require.ErrorContains(t, err, "is PostgreSQL running")
		require.ErrorContains(t, m.Ping(t.Context()), "is PostgreSQL running")
		server.Start()
		mounts, err := m.MountsOfStorages(t.Context(), []uint64{1})
		require.NoError(t, err)
		require.NotEmpty(t, mounts)
	})
}

func TestPostgresWithoutTLS(t *testing.T) {
	server := storagetest.Postgres(t, "-c", "ssl=off")
	storagetest.NewNextcloud(t, server.CreateDatabase("nextcloud", "user", "x"), "oc_")
	good := DatabaseOptions{
		Driver: Postgres, Host: "127.0.0.1", Port: server.Port, Name: "nextcloud", User: "user", Password: "x", Prefix: "oc_",
	}
	testConnections(t, good, "", []connection{
		{"prefer", func(o *DatabaseOptions) { o.TLS.Mode = TLSPrefer }, "", ""},
		{"require", func(o *DatabaseOptions) { o.TLS.Mode = TLSRequire }, "", "the server has no TLS"},
		{"verify-full", func(o *DatabaseOptions) { o.TLS.Mode = TLSVerifyFull }, "", "the server has no TLS"},
	})
}

// TestDatabaseOptionsAreReadAgain changes the password of each kind of database.
func TestDatabaseOptionsAreReadAgain(t *testing.T) {
	mariadb, postgres := storagetest.MariaDB(t), storagetest.Postgres(t)
	storagetest.NewNextcloud(t, mariadb.CreateDatabase("nc", "u", "x"), "oc_").Mount(1, "alice", "")
	storagetest.NewNextcloud(t, postgres.CreateDatabase("nc", "u", "x"), "oc_").Mount(1, "alice", "")
	for name, options := range map[string]DatabaseOptions{
		"MariaDB":    {Driver: MySQL, Port: mariadb.Port},
		"PostgreSQL": {Driver: Postgres, Port: postgres.Port},
	} {
		t.Run(name, func(t *testing.T) {
			options.Host, options.Name, options.User, options.Password, options.Prefix = "127.0.0.1", "nc", "u", "old", "oc_"
			var password atomic.Value
			password.Store(actors.Secret("old"))
			options.Reload = func(context.Context) (DatabaseOptions, error) {
				changed := options
				changed.Password = password.Load().(actors.Secret)
				return changed, nil
			}
			m := openMounts(t, options)
			_, err := m.MountsOfStorages(t.Context(), []uint64{1})
			require.True(t, LoginRefused(err), err)
			password.Store(actors.Secret("x"))
			m.ReadAgain()
			mounts, err := m.MountsOfStorages(t.Context(), []uint64{1})
			require.NoError(t, err)
			require.Len(t, mounts, 1)
			require.NoError(t, m.Ping(t.Context()))
		})
	}
}
