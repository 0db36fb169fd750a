package storage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/notifypush/notifypush/actors"
)

// Mounts reads Nextcloud's mounts table; it implements actors.Mounts. It is safe for concurrent use.
// The caller must Close it. It never changes a row, and an error leaves it usable: the next call
// connects again.
type Mounts struct {
	reload *reloader[DatabaseOptions] // set once

	mu   sync.Mutex
	pool *pool // guarded by mu
}

// pool is the connections to a database, with what depends on its options. It does not change.
type pool struct {
	*sqlx.DB
	connector driver.Connector
	options   DatabaseOptions
}

// OpenMounts checks the options. It does not connect: a database that is away is noticed by the
// first query, and used as soon as it is back.
func OpenMounts(options DatabaseOptions) (*Mounts, error) {
	p, err := openPool(options)
	if err != nil {
		return nil, err
	}
	return &Mounts{reload: newReloader(options.Reload), pool: p}, nil
}

func openPool(options DatabaseOptions) (*pool, error) {
	options.Reload = nil // which cannot be compared
	// The prefix becomes part of the query: quotes and placeholders would change its meaning.
	if strings.ContainsAny(options.Prefix, "\"`\\?\x00") {
		return nil, fmt.Errorf("the table prefix %q has characters that cannot be in the name of a table", options.Prefix)
	}
	d, err := options.driverOf()
	if err != nil {
		return nil, err
	}
	driverConnector, err := d.Connector(options)
	if err != nil {
		return nil, err
	}
	p := &pool{connector: connector{driverConnector, options}, options: options}
	p.DB = connect(p)
	return p, nil
}

func connect(p *pool) *sqlx.DB {
	db := sqlx.NewDb(sql.OpenDB(p.connector), p.options.Driver)
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(2)
	db.SetConnMaxIdleTime(time.Minute)
	db.SetConnMaxLifetime(5 * time.Minute) // after a failover, the new server is found
	return db
}

// query is the contract's mapping query for several storages. Rows without a path are left out: nothing lies
// below them.
func (p *pool) query() string {
	return fmt.Sprintf(`SELECT storage_id, user_id, path FROM %s INNER JOIN %s ON root_id = fileid WHERE storage_id IN (?) AND path IS NOT NULL`,
		p.table("mounts"), p.table("filecache"))
}

// table quotes a table's name as Nextcloud does: a point in the prefix ends the name of a schema.
func (p *pool) table(name string) string {
	quote := `"`
	if p.options.Driver == MySQL {
		quote = "`"
	}
	return quote + strings.ReplaceAll(p.options.Prefix+name, ".", quote+"."+quote) + quote
}

// Name is how logs and actors.System.Problems call this port.
func (*Mounts) Name() string { return "database" }

// Close closes the connections.
func (m *Mounts) Close() error { return m.current().Close() }

func (m *Mounts) current() *pool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pool
}

// replace takes one pool for another, unless another was taken already.
func (m *Mounts) replace(used, next *pool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pool == used {
		m.pool, next = next, used
	}
	go func() { _ = next.Close() }() // which may wait for the server
}

// Reconfigure has the next queries made with these options. Options that OpenMounts would refuse change nothing, and
// are an error.
func (m *Mounts) Reconfigure(options DatabaseOptions) error {
	options.Reload = nil // as in the pool
	replaced := m.current()
	if reflect.DeepEqual(options, replaced.options) {
		return nil
	}
	changed, err := openPool(options)
	if err == nil {
		m.replace(replaced, changed)
	}
	return err
}

// attempt is the function attempt, in which a panic is an error.
func (m *Mounts) attempt(ctx context.Context, try func(*pool) error) error {
	return attempt(ctx, m.reload, m, func(p *pool) error { return p.guarded(m, try) })
}

// guarded makes errors of panics. The connection in which a driver panicked counts as busy for ever, and
// after a few of them there would be no other, so a new pool takes the place of this one.
func (p *pool) guarded(m *Mounts, try func(*pool) error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			again := *p
			again.DB = connect(p)
			m.replace(p, &again)
			err = p.options.unexpectedReply(reason)
		}
		err = p.explained(err)
	}()
	return try(p)
}

// Ping connects, unless a good connection is at hand.
func (m *Mounts) Ping(ctx context.Context) error {
	return m.attempt(ctx, func(p *pool) error { return p.PingContext(ctx) })
}

// Empty reports whether nobody has mounted anything: an installation that nobody has logged in to, or
// other tables than those that Nextcloud uses.
func (m *Mounts) Empty(ctx context.Context) (empty bool, err error) {
	err = m.attempt(ctx, func(p *pool) error {
		err := p.QueryRowContext(ctx, "SELECT 1 FROM "+p.table("mounts")+" LIMIT 1").Scan(new(int))
		if empty = errors.Is(err, sql.ErrNoRows); empty {
			return nil
		}
		return err
	})
	return empty, err
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
		err := m.attempt(ctx, func(p *pool) error {
			query, args, err := sqlx.In(p.query(), some)
			if err != nil {
				return err
			}
			more, err := p.read(ctx, query, args)
			mounts = append(mounts, more...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return mounts, nil
}

// read returns the rows of a mapping query.
func (p *pool) read(ctx context.Context, query string, args []any) (mounts []actors.Mount, err error) {
	defer func(began time.Time) { err = p.slow(ctx, began, err) }(time.Now())
	rows, err := p.QueryContext(ctx, p.Rebind(p.limited(ctx, query)), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var storage int64
		var mount actors.Mount
		if err := rows.Scan(&storage, &mount.User, &mount.Root); err != nil {
			return nil, err
		}
		if storage < 0 {
			continue // no event can name it
		}
		mount.Storage = uint64(storage)
		mounts = append(mounts, mount)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return mounts, nil
}

// limited has MySQL and MariaDB themselves give up a query a little before ctx ends: they would go on with
// it after the connection is closed. Each takes the other's words for a comment.
func (p *pool) limited(ctx context.Context, query string) string {
	deadline, limited := ctx.Deadline()
	if p.options.Driver != MySQL || !limited {
		return query
	}
	left := time.Until(deadline)
	left -= min(left/10, 500*time.Millisecond)
	return fmt.Sprintf("/*M!100102 SET STATEMENT max_statement_time=%.3f FOR */ SELECT /*+ MAX_EXECUTION_TIME(%d) */ %s",
		max(left.Seconds(), 0.001), max(left.Milliseconds(), 1), strings.TrimPrefix(query, "SELECT "))
}

// slow turns the end of a query that took too long, which each database words in another way, into a
// slowQueryError.
func (p *pool) slow(ctx context.Context, began time.Time, err error) error {
	if err == nil || errors.As(err, new(*connectError)) {
		return err
	}
	const byMariaDB, byMySQL, byPostgres = "1969", "3024", "57014"
	code := serverCode(err)
	deadline, limited := ctx.Deadline()
	confirmed := code == byMariaDB || code == byMySQL || code == byPostgres
	if limited && (confirmed || code == "" && errors.Is(ctx.Err(), context.DeadlineExceeded)) {
		return &slowQueryError{deadline.Sub(began), confirmed}
	}
	return err
}

// slowQueryError says that the database did not answer in time. It is a context.DeadlineExceeded.
type slowQueryError struct {
	limit     time.Duration
	confirmed bool // by the database: it was busy with the query
}

func (e *slowQueryError) Error() string {
	cause := "an index is missing"
	if !e.confirmed {
		cause = "the database hangs, or an index is missing"
	}
	return fmt.Sprintf("took longer than %g s: %s: occ db:add-missing-indices", e.limit.Round(10*time.Millisecond).Seconds(), cause)
}

func (e *slowQueryError) Unwrap() error { return context.DeadlineExceeded }

// explained adds to a failure what was tried, where, and what might help.
func (p *pool) explained(err error) error {
	if err == nil {
		return nil
	}
	if !errors.As(err, new(*connectError)) { // which says already which database
		err = fmt.Errorf("read who sees a storage from %s: %w", p.options, withoutSource(err))
	}
	if advice := p.options.advice(err); advice != "" {
		return fmt.Errorf("%w (%s)", err, advice)
	}
	return err
}
