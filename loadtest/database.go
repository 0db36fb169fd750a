package loadtest

import (
	"context"
	"database/sql"
	"fmt"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// The storages of the stand-in's database. User u has the home storage homeStorage+u.
const (
	sharedStorage = 1       // mounted by every user who connects
	homeStorage   = 1000    // and above
	idleStorage   = 1 << 21 // and above: of users who never connect
	maxIdle       = 20000
)

// population is who is in the stand-ins.
type population struct {
	users int // who connect
	idle  int // who do not
}

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
func createDatabase(ctx context.Context, path string, people population) error {
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
		{`INSERT INTO oc_filecache VALUES (?1, ?1, 'files/shared')`, []any{sharedStorage}},
		{numbers + `INSERT INTO oc_mounts SELECT NULL, ?2, ?2, printf('load%06d', n), '/shared/' FROM numbers`, []any{people.users, sharedStorage}},
		{numbers + `INSERT INTO oc_filecache SELECT ?2+n, ?2+n, '' FROM numbers`, []any{people.users, homeStorage}},
		{numbers + `INSERT INTO oc_mounts SELECT NULL, ?2+n, ?2+n, printf('load%06d', n), '/' FROM numbers`, []any{people.users, homeStorage}},
		{numbers + `INSERT INTO oc_filecache SELECT ?2+n, ?2+n, '' FROM numbers`, []any{people.idle, idleStorage}},
		{numbers + `INSERT INTO oc_mounts SELECT NULL, ?2+n, ?2+n, printf('idle%06d', n), '/' FROM numbers`, []any{people.idle, idleStorage}},
	} {
		if _, err := db.ExecContext(ctx, statement.query, statement.args...); err != nil {
			return fmt.Errorf("fill the database of the load test: %w", err)
		}
	}
	return nil
}
