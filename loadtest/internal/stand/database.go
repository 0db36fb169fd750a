package stand

import (
	"context"
	"database/sql"
	"fmt"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// The storages of the stand-in's database. User u has the home storage HomeStorage+u.
const (
	SharedStorage = 1       // mounted by every user who connects
	HomeStorage   = 1000    // and above
	IdleStorage   = 1 << 21 // and above: of users who never connect
	MaxIdle       = 20000   // of those
)

// Population is how many users the stand-ins have: Users who connect, and Idle who do not.
type Population struct{ Users, Idle int }

const schema = `
CREATE TABLE oc_filecache (fileid BIGINT PRIMARY KEY, storage BIGINT NOT NULL, path VARCHAR(4000));
CREATE TABLE oc_mounts (id INTEGER PRIMARY KEY, storage_id BIGINT NOT NULL, root_id BIGINT NOT NULL, user_id VARCHAR(64) NOT NULL, mount_point VARCHAR(4000) NOT NULL);
CREATE INDEX oc_mounts_storage ON oc_mounts (storage_id);
CREATE INDEX oc_mounts_root ON oc_mounts (root_id);
CREATE INDEX oc_mounts_user ON oc_mounts (user_id);
`

// numbers is a table of the numbers below its parameter ?1.
const numbers = `WITH RECURSIVE numbers(n) AS (SELECT 0 WHERE ?1 > 0 UNION ALL SELECT n+1 FROM numbers WHERE n+1 < ?1) `

// createDatabase writes a database of the two tables that say who sees which storage. A root has the id of its storage.
func createDatabase(ctx context.Context, path string, people Population) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return fmt.Errorf("create the database of the load test: %w", err)
	}
	defer db.Close()
	for _, statement := range []struct {
		query string
		args  []any
	}{
		{schema, nil},
		{`INSERT INTO oc_filecache VALUES (?1, ?1, 'files/shared')`, []any{SharedStorage}},
		{numbers + `INSERT INTO oc_mounts SELECT NULL, ?2, ?2, printf('load%06d', n), '/shared/' FROM numbers`, []any{people.Users, SharedStorage}},
		{numbers + `INSERT INTO oc_filecache SELECT ?2+n, ?2+n, '' FROM numbers`, []any{people.Users, HomeStorage}},
		{numbers + `INSERT INTO oc_mounts SELECT NULL, ?2+n, ?2+n, printf('load%06d', n), '/' FROM numbers`, []any{people.Users, HomeStorage}},
		{numbers + `INSERT INTO oc_filecache SELECT ?2+n, ?2+n, '' FROM numbers`, []any{people.Idle, IdleStorage}},
		{numbers + `INSERT INTO oc_mounts SELECT NULL, ?2+n, ?2+n, printf('idle%06d', n), '/' FROM numbers`, []any{people.Idle, IdleStorage}},
	} {
		if _, err := db.ExecContext(ctx, statement.query, statement.args...); err != nil {
			return fmt.Errorf("fill the database of the load test: %w", err)
		}
	}
	return nil
}
