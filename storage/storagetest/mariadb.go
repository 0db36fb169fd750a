//go:build unix

package storagetest

import (
	"database/sql"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
)

// MariaDBServer is a real MariaDB that listens on 127.0.0.1 and on a unix socket.
type MariaDBServer struct {
	*Process

	Port   uint16
	Socket string
	// Authority has signed the server's certificate, which is good for 127.0.0.1 and localhost.
	Authority *Authority
}

// MariaDB starts a MariaDB server. args are further options of mariadbd, such as "--skip-ssl".
func MariaDB(t testing.TB, args ...string) *MariaDBServer {
	t.Helper()
	mariadbd, install := Program(t, "mariadbd", "mysqld"), Program(t, "mariadb-install-db", "mysql_install_db")
	dir, account := Dir(t), Account(t, "mysql")
	s := &MariaDBServer{
		Port:      uint16(FreePort(t)),
		Socket:    filepath.Join(dir, "mysqld.sock"),
		Authority: NewAuthority(t),
	}
	data := filepath.Join(dir, "data")
	give(t, account, dir)
	run(t, account, dir, install, "--no-defaults", "--datadir="+data, "--tmpdir="+dir,
		"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
	cert, key := s.Authority.Issue("server", "127.0.0.1", "localhost")
	give(t, account, filepath.Dir(cert), cert, key, s.Authority.CA)

	s.Process = &Process{
		t:         t,
		path:      mariadbd,
		account:   account,
		terminate: syscall.SIGTERM,
		ready:     s.answers,
		args: append([]string{
			"--no-defaults", "--datadir", data, "--tmpdir", dir, "--socket", s.Socket,
			"--bind-address", "127.0.0.1", "--port", strconv.Itoa(int(s.Port)), "--skip-name-resolve",
			"--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=2",
			"--ssl-cert", cert, "--ssl-key", key, "--ssl-ca", s.Authority.CA,
		}, args...),
	}
	s.begin()
	return s
}

func (s *MariaDBServer) answers() error {
	db, err := s.open("")
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Ping()
}

func (s *MariaDBServer) open(database string) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr = "unix", s.Socket
	config.User, config.DBName = "root", database
	config.InterpolateParams = true
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// Open returns the superuser's connection to a database, or to none if its name is empty; it is
// closed with the test.
func (s *MariaDBServer) Open(database string) *sqlx.DB {
	s.t.Helper()
	db, err := s.open(database)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = db.Close() })
	return sqlx.NewDb(db, "mysql")
}

// CreateDatabase makes a database, and a user with that password who may do everything in it.
func (s *MariaDBServer) CreateDatabase(database, user, password string) *sqlx.DB {
	s.t.Helper()
	server := s.Open("")
	mustExec(s.t, server, "CREATE DATABASE `"+database+"` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
	mustExec(s.t, server, "CREATE USER ?@'%' IDENTIFIED BY ?", user, password)
	mustExec(s.t, server, "GRANT ALL ON `"+database+"`.* TO ?@'%'", user)
	return s.Open(database)
}
