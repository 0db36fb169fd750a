//go:build unix

package storagetest

import (
	"crypto/md5"
	"encoding/hex"
	"net/url"
	"path"
	"path/filepath"
	"testing"

	"github.com/jmoiron/sqlx"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Nextcloud is a database with the two tables of Nextcloud 30 that say who sees which storage.
type Nextcloud struct {
	t      testing.TB
	db     *sqlx.DB
	prefix string
	rows   int64
}

// NewNextcloud creates the tables.
func NewNextcloud(t testing.TB, db *sqlx.DB, prefix string) *Nextcloud {
	t.Helper()
	mustExec(t, db, `CREATE TABLE `+prefix+`filecache (
		fileid BIGINT NOT NULL PRIMARY KEY,
		storage BIGINT NOT NULL DEFAULT 0,
		path VARCHAR(4000) DEFAULT NULL,
		path_hash VARCHAR(32) NOT NULL DEFAULT '',
		parent BIGINT NOT NULL DEFAULT 0,
		name VARCHAR(250) DEFAULT NULL,
		mimetype BIGINT NOT NULL DEFAULT 0,
		mimepart BIGINT NOT NULL DEFAULT 0,
		size BIGINT NOT NULL DEFAULT 0,
		mtime BIGINT NOT NULL DEFAULT 0,
		storage_mtime BIGINT NOT NULL DEFAULT 0,
		encrypted INTEGER NOT NULL DEFAULT 0,
		unencrypted_size BIGINT NOT NULL DEFAULT 0,
		etag VARCHAR(40) DEFAULT NULL,
		permissions INTEGER DEFAULT 0,
		checksum VARCHAR(255) DEFAULT NULL)`)
	mustExec(t, db, `CREATE UNIQUE INDEX `+prefix+`fs_storage_path_hash ON `+prefix+`filecache (storage, path_hash)`)
	mustExec(t, db, `CREATE TABLE `+prefix+`mounts (
		id BIGINT NOT NULL PRIMARY KEY,
		storage_id BIGINT NOT NULL,
		root_id BIGINT NOT NULL,
		user_id VARCHAR(64) NOT NULL,
		mount_point VARCHAR(4000) NOT NULL,
		mount_id BIGINT DEFAULT NULL,
		mount_provider_class VARCHAR(128) DEFAULT NULL)`)
	for _, column := range []string{"storage_id", "root_id", "user_id"} {
		mustExec(t, db, `CREATE INDEX `+prefix+`mounts_`+column+` ON `+prefix+`mounts (`+column+`)`)
	}
	return &Nextcloud{t: t, db: db, prefix: prefix}
}

// SQLite returns the path of a new database file, in the journal mode that Nextcloud uses, with a
// connection that is closed with the test.
func SQLite(t testing.TB, name string) (string, *sqlx.DB) {
	t.Helper()
	file := filepath.Join(Dir(t), name)
	db, err := sqlx.Open("sqlite", (&url.URL{Scheme: "file", Path: file, RawQuery: "_pragma=journal_mode(WAL)"}).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return file, db
}

// Mount lets user see a storage from root downwards.
func (n *Nextcloud) Mount(storage uint64, user, root string) {
	n.t.Helper()
	n.rows++
	file := n.fileID(storage, root)
	mustExec(n.t, n.db, n.db.Rebind(`INSERT INTO `+n.prefix+`mounts
		(id, storage_id, root_id, user_id, mount_point, mount_provider_class) VALUES (?, ?, ?, ?, ?, ?)`),
		n.rows, storage, file, user, "/"+user+"/files/"+path.Base(root)+"/", `OCA\Files_Sharing\MountProvider`)
}

// MountOfNothing gives user a mount whose root has no path, as a damaged file cache does.
func (n *Nextcloud) MountOfNothing(storage uint64, user string) {
	n.t.Helper()
	n.Mount(storage, user, "lost")
	mustExec(n.t, n.db, n.db.Rebind(`UPDATE `+n.prefix+`filecache SET path = NULL WHERE storage = ? AND path = ?`),
		storage, "lost")
}

// Unmount takes a storage away from user.
func (n *Nextcloud) Unmount(storage uint64, user string) {
	n.t.Helper()
	mustExec(n.t, n.db, n.db.Rebind(`DELETE FROM `+n.prefix+`mounts WHERE storage_id = ? AND user_id = ?`),
		storage, user)
}

// fileID returns the file id of a path, which it adds to the file cache if it is not there.
func (n *Nextcloud) fileID(storage uint64, root string) int64 {
	n.t.Helper()
	digest := md5.Sum([]byte(root))
	hash := hex.EncodeToString(digest[:])
	var id int64
	err := n.db.Get(&id, n.db.Rebind(`SELECT fileid FROM `+n.prefix+`filecache WHERE storage = ? AND path_hash = ?`),
		storage, hash)
	if err == nil {
		return id
	}
	id = 1000 + n.rows
	mustExec(n.t, n.db, n.db.Rebind(`INSERT INTO `+n.prefix+`filecache
		(fileid, storage, path, path_hash, name, etag) VALUES (?, ?, ?, ?, ?, ?)`),
		id, storage, root, hash, path.Base(root), hash)
	return id
}
