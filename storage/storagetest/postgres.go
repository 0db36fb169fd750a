//go:build unix

package storagetest

import (
	"database/sql"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// PostgresServer is a real PostgreSQL that listens on 127.0.0.1 and on a unix socket. Over the
// socket, the process's own account logs in by peer authentication. Over TCP, a user named
// "encrypted" must use TLS and one named "certified" must show a certificate of that name;
// everybody else needs a password.
type PostgresServer struct {
	*Process

	Port uint16
	// Folder holds the socket file .s.PGSQL.<Port>.
	Folder string
	// Authority has signed the server's certificate, which is good for 127.0.0.1 and localhost.
	Authority *Authority
}

// Postgres starts a PostgreSQL server. args are further options of postgres, such as
// "-c", "ssl=off".
func Postgres(t testing.TB, args ...string) *PostgresServer {
	t.Helper()
	postgres, initdb := Program(t, "postgres"), Program(t, "initdb")
	dir, account := Dir(t), Account(t, "postgres")
	s := &PostgresServer{Port: uint16(FreePort(t)), Folder: dir, Authority: NewAuthority(t)}
	data := filepath.Join(dir, "data")
	give(t, account, dir)
	run(t, account, dir, initdb, "--pgdata", data, "--username", "postgres", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-sync")
	s.writeRules(filepath.Join(data, "pg_hba.conf"), t)
	cert, key := s.Authority.Issue("server", "127.0.0.1", "localhost")
	give(t, account, filepath.Dir(cert), cert, key, s.Authority.CA)

	s.Process = &Process{
		t:         t,
		path:      postgres,
		account:   account,
		terminate: syscall.SIGINT, // ends without waiting for clients
		ready:     s.answers,
		args: append([]string{
			"-D", data, "-p", strconv.Itoa(int(s.Port)), "-c", "listen_addresses=127.0.0.1",
			"-c", "unix_socket_directories=" + dir, "-c", "fsync=off", "-c", "shared_buffers=16MB",
			"-c", "ssl=on", "-c", "ssl_cert_file=" + cert, "-c", "ssl_key_file=" + key,
			"-c", "ssl_ca_file=" + s.Authority.CA,
		}, args...),
	}
	s.begin()
	return s
}

func (s *PostgresServer) writeRules(path string, t testing.TB) {
	t.Helper()
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	rules := strings.Join([]string{
		"local all postgres trust",
		fmt.Sprintf("local all %q peer", self.Username),
		"local all all scram-sha-256",
		"hostnossl all encrypted,certified 127.0.0.1/32 reject",
		"hostssl all certified 127.0.0.1/32 cert",
		"host all all 127.0.0.1/32 scram-sha-256",
	}, "\n")
	if err := os.WriteFile(path, []byte(rules+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *PostgresServer) answers() error {
	db, err := s.open("postgres")
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Ping()
}

func (s *PostgresServer) open(database string) (*sql.DB, error) {
	connector, err := pq.NewConnectorConfig(pq.Config{
		Host: s.Folder, Port: s.Port, User: "postgres", Database: database,
		SSLMode: pq.SSLModeDisable, ClientEncoding: "UTF8",
	})
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// Open returns the superuser's connection to a database; it is closed with the test.
func (s *PostgresServer) Open(database string) *sqlx.DB {
	s.t.Helper()
	db, err := s.open(database)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = db.Close() })
	return sqlx.NewDb(db, "postgres")
}

// CreateDatabase makes a database, and a user with that password who may read and write
// everything that is created in it later.
func (s *PostgresServer) CreateDatabase(database, user, password string) *sqlx.DB {
	s.t.Helper()
	name, role := pq.QuoteIdentifier(database), pq.QuoteIdentifier(user)
	server := s.Open("postgres")
	mustExec(s.t, server, "CREATE DATABASE "+name)
	mustExec(s.t, server, "CREATE ROLE "+role+" LOGIN PASSWORD "+pq.QuoteLiteral(password))
	db := s.Open(database)
	mustExec(s.t, db, "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO "+role)
	return db
}

func mustExec(t testing.TB, db *sqlx.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
