package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/notifypush/notifypush/actors"
)

// Mounts reads Nextcloud's mounts table; it implements actors.Mounts. It never writes, and it is
// safe for concurrent use.
type Mounts struct {
	connector driver.Connector
	options   DatabaseOptions
	byStorage string

	mu sync.Mutex
	db *sqlx.DB
}

// OpenMounts checks the options. It does not connect: a database that is away is noticed by the
// first query, and used as soon as it is back.
func OpenMounts(options DatabaseOptions) (*Mounts, error) {
	// The prefix becomes part of the query: quotes and placeholders would change its meaning.
	if strings.ContainsAny(options.Prefix, "\"`\\?\x00") {
		return nil, fmt.Errorf("the table prefix %q has characters that cannot be in the name of a table", options.Prefix)
	}
	driverConnector, err := newConnector(options)
	if err != nil {
		return nil, err
	}
	m := &Mounts{connector: connector{driverConnector, options}, options: options}
	m.byStorage = m.query("storage_id IN (?)")
	m.db = m.pool()
	return m, nil
}

func (m *Mounts) pool() *sqlx.DB {
	db := sqlx.NewDb(sql.OpenDB(m.connector), m.options.Driver)
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(2)
	db.SetConnMaxIdleTime(time.Minute)
	db.SetConnMaxLifetime(5 * time.Minute) // after a failover, the new server is found
	return db
}

func newConnector(options DatabaseOptions) (driver.Connector, error) {
	switch options.Driver {
	case MySQL:
		return newMySQL(options)
	case Postgres:
		return newPostgres(options)
	case SQLite:
		return newSQLite(options), nil
	default:
		return nil, fmt.Errorf("the database driver %q is not one of mysql, postgres and sqlite", options.Driver)
	}
}

// query is the contract's mapping query with another condition. Rows without a path are left out:
// nothing lies below them.
func (m *Mounts) query(condition string) string {
	return fmt.Sprintf(`SELECT storage_id, user_id, path FROM %s INNER JOIN %s ON root_id = fileid WHERE %s AND path IS NOT NULL`,
		m.table("mounts"), m.table("filecache"), condition)
}

// table quotes a table's name as Nextcloud does: a point in the prefix ends the name of a schema.
func (m *Mounts) table(name string) string {
	quote := `"`
	if m.options.Driver == MySQL {
		quote = "`"
	}
	return quote + strings.ReplaceAll(m.options.Prefix+name, ".", quote+"."+quote) + quote
}

// Close closes the connections.
func (m *Mounts) Close() error { return m.current().Close() }

func (m *Mounts) current() *sqlx.DB {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.db
}

// replace takes a new pool for one in which a driver panicked, at what no database would say: the
// connection counts as busy there for ever, and after a few of them there would be no other.
func (m *Mounts) replace(db *sqlx.DB) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.db == db {
		m.db = m.pool()
		go func() { _ = db.Close() }() // which says goodbye, if it can
	}
}

// Ping connects, unless a good connection is at hand.
func (m *Mounts) Ping(ctx context.Context) error {
	if err := m.current().PingContext(ctx); err != nil {
		return withAdvice(err)
	}
	return nil
}

// storagesAtOnce stays below the number of parameters that any of the databases takes.
const storagesAtOnce = 1000

// MountsOfStorages returns who sees the given storages, and from where.
func (m *Mounts) MountsOfStorages(ctx context.Context, storages []uint64) ([]actors.Mount, error) {
	ids := make([]int64, 0, len(storages))
	for _, storage := range storages {
		if storage <= math.MaxInt64 { // as the column is signed, no row has another
			ids = append(ids, int64(storage))
		}
	}
	var mounts []actors.Mount
	for some := range slices.Chunk(ids, storagesAtOnce) {
		query, args, err := sqlx.In(m.byStorage, some)
		if err != nil {
			return nil, err
		}
		if mounts, err = m.read(ctx, mounts, query, args); err != nil {
			return nil, err
		}
	}
	return mounts, nil
}

func (m *Mounts) read(ctx context.Context, mounts []actors.Mount, query string, args []any) (_ []actors.Mount, err error) {
	db := m.current()
	defer func() {
		if reason := recover(); reason != nil {
			m.replace(db)
			err = m.failed(protocolBroken(reason))
		}
	}()
	rows, err := db.QueryContext(ctx, db.Rebind(query), args...)
	if err != nil {
		return nil, m.failed(err)
	}
	defer rows.Close()
	for rows.Next() {
		var storage int64
		var mount actors.Mount
		if err := rows.Scan(&storage, &mount.User, &mount.Root); err != nil {
			return nil, m.failed(err)
		}
		if storage < 0 {
			continue // no event can name it
		}
		mount.Storage = uint64(storage)
		mounts = append(mounts, mount)
	}
	if err := rows.Err(); err != nil {
		return nil, m.failed(err)
	}
	return mounts, nil
}

func (m *Mounts) failed(err error) error {
	var notConnected *connectError
	if errors.As(err, &notConnected) {
		return withAdvice(err) // it says already which database
	}
	return withAdvice(fmt.Errorf("read who sees a storage from %s: %w", m.options, withoutSource(err)))
}
