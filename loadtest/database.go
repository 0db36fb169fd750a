package loadtest

import (
	"context"
	"database/sql"
	"fmt"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// The storages of the stand-in's database. User u has the home storage homeStorage+u.
const (
	sharedStorage = 1       // mounted by every user
	homeStorage   = 1000    //
	idleStorage   = 1000000 // and above: of users who never connect
	idleStorages  = 20000
)

// createDatabase writes a database of the two tables that say who sees which storage.
func createDatabase(ctx context.Context, path string, users int) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return fmt.Errorf("create the database of the load test: %w", err)
	}
	defer db.Close()
	for _, statement := range []struct {
		query string
		args  []any
	}{
		{`CREATE TABLE oc_filecache (fileid BIGINT PRIMARY KEY, storage BIGINT NOT NULL, path VARCHAR(4000))`, nil},
		{`CREATE TABLE oc_mounts (id INTEGER PRIMARY KEY, storage_id BIGINT NOT NULL, root_id BIGINT NOT NULL, user_id VARCHAR(64) NOT NULL, mount_point VARCHAR(4000) NOT NULL)`, nil},
		{`INSERT INTO oc_filecache VALUES (?, ?, 'files/shared')`, []any{sharedStorage, sharedStorage}},
		{`WITH RECURSIVE u(n) AS (SELECT 0 UNION ALL SELECT n+1 FROM u WHERE n+1 < ?)
			INSERT INTO oc_mounts (storage_id, root_id, user_id, mount_point) SELECT ?, ?, printf('load%06d', n), '/shared/' FROM u`, []any{users, sharedStorage, sharedStorage}},
		{`WITH RECURSIVE u(n) AS (SELECT 0 UNION ALL SELECT n+1 FROM u WHERE n+1 < ?)
			INSERT INTO oc_filecache SELECT ?+n, ?+n, '' FROM u`, []any{users, homeStorage, homeStorage}},
		{`WITH RECURSIVE u(n) AS (SELECT 0 UNION ALL SELECT n+1 FROM u WHERE n+1 < ?)
			INSERT INTO oc_mounts (storage_id, root_id, user_id, mount_point) SELECT ?+n, ?+n, printf('load%06d', n), '/' FROM u`, []any{users, homeStorage, homeStorage}},
		{`WITH RECURSIVE u(n) AS (SELECT 0 UNION ALL SELECT n+1 FROM u WHERE n+1 < ?)
			INSERT INTO oc_filecache SELECT ?+n, ?+n, '' FROM u`, []any{idleStorages, idleStorage, idleStorage}},
		{`WITH RECURSIVE u(n) AS (SELECT 0 UNION ALL SELECT n+1 FROM u WHERE n+1 < ?)
			INSERT INTO oc_mounts (storage_id, root_id, user_id, mount_point) SELECT ?+n, ?+n, printf('idle%06d', n), '/' FROM u`, []any{idleStorages, idleStorage, idleStorage}},
		{`CREATE INDEX oc_mounts_storage ON oc_mounts (storage_id)`, nil},
		{`CREATE INDEX oc_mounts_root ON oc_mounts (root_id)`, nil},
		{`CREATE INDEX oc_mounts_user ON oc_mounts (user_id)`, nil},
	} {
		if _, err := db.ExecContext(ctx, statement.query, statement.args...); err != nil {
			return fmt.Errorf("fill the database of the load test: %w", err)
		}
	}
	return nil
}
