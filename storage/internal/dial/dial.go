// Package dial has what the connections to Redis and to the databases share: which certificates are good, how long a
// server is waited for, and where its sockets usually are.
package dial

import "time"

const (
	// ConnectTimeout bounds the wait for a server that does not answer.
	ConnectTimeout = 5 * time.Second
	// ReplyTimeout is how long a server may keep silent in the middle of a query before it is given up: half-open
	// connections end so.
	ReplyTimeout = 15 * time.Second
)

// MySQLSockets are where distributions put MySQL's socket; PHP has one of them compiled in. Tests replace them.
var MySQLSockets = []string{
	"/run/mysqld/mysqld.sock",
	"/var/run/mysqld/mysqld.sock",
	"/tmp/mysql.sock",
	"/var/lib/mysql/mysql.sock",
	"/run/mysql/mysql.sock",
}

// PostgresFolders are where distributions put PostgreSQL's socket; libpq has one of them compiled in. Tests replace
// them.
var PostgresFolders = []string{"/run/postgresql", "/var/run/postgresql", "/tmp"}
