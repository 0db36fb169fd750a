package demo

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"

	"github.com/notifypush/notifypush/demo/nextcloud"
)

// person is somebody with an account in the demo's Nextcloud, whose home is a storage of its own.
type person struct {
	id, name, login string
	home            uint64
}

// people all have a password that follows from their name: this Nextcloud holds nothing worth a better one.
var people = []person{
	{id: "alice", name: "Alice", login: "alice", home: 1},
	{id: "bob", name: "Bob", login: "bob", home: 2},
	{id: "carol", name: "Carol", login: "carol@example.org", home: 3}, // her login name is not her user id
	{id: "dave", name: "Dave", login: "dave", home: 4},
}

func (p person) password() string { return p.id + "-demo" }

func (p person) account() nextcloud.User {
	return nextcloud.User{ID: p.id, Password: p.password(), Logins: []string{p.login}}
}

// mount is a row of oc_mounts: the person sees the storage from root downwards.
type mount struct {
	user    string
	storage uint64
	root    string
}

// folder is a place whose files the buttons of the page change, one after the other.
type folder struct {
	storage uint64
	path    string
	files   []string
	firstID uint64 // of its files
}

// shared lies in Alice's home and is shared with Bob and Carol, not with Dave.
var shared = folder{1, "files/Shared", []string{"plan.md", "budget.ods", "minutes.md", "logo.svg", "talk.odp"}, 101}

// private is a folder in the person's home that nobody else sees.
func (p person) private() folder {
	return folder{p.home, "files/Private", []string{"diary.md", "wishes.txt", "taxes.ods"}, 1000*p.home + 1}
}

// mounts are everybody's own home, and the shared folder.
func mounts() []mount {
	var rows []mount
	for _, p := range people {
		rows = append(rows, mount{p.id, p.home, ""})
	}
	return append(rows, mount{"bob", shared.storage, shared.path}, mount{"carol", shared.storage, shared.path})
}

// createDatabase writes an SQLite file with the two tables of Nextcloud that the daemon reads, in folder, and returns its path.
func createDatabase(ctx context.Context, folder string) (string, error) {
	path := filepath.Join(folder, "nextcloud.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return "", fmt.Errorf("create the demo's database %s: %w", path, err)
	}
	defer db.Close()
	if err := fillDatabase(ctx, db); err != nil {
		return "", fmt.Errorf("fill the demo's database %s: %w", path, err)
	}
	return path, nil
}

func fillDatabase(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, `
		CREATE TABLE oc_filecache (fileid INTEGER PRIMARY KEY, storage INTEGER NOT NULL, path VARCHAR(4000));
		CREATE TABLE oc_mounts (id INTEGER PRIMARY KEY, storage_id INTEGER NOT NULL, root_id INTEGER NOT NULL,
			user_id VARCHAR(64) NOT NULL, mount_point VARCHAR(4000) NOT NULL)`); err != nil {
		return err
	}
	for _, m := range mounts() {
		root, err := db.ExecContext(ctx, "INSERT INTO oc_filecache (storage, path) VALUES (?, ?)", m.storage, m.root)
		if err != nil {
			return err
		}
		rootID, err := root.LastInsertId()
		if err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, "INSERT INTO oc_mounts (storage_id, root_id, user_id, mount_point) VALUES (?, ?, ?, ?)",
			m.storage, rootID, m.user, "/"+m.user+"/"+m.root); err != nil {
			return err
		}
	}
	return nil
}
