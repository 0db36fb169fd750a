package storage_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// newWAL makes a database in WAL mode that nobody has open, in a folder of its own, both of that owner.
func newWAL(t *testing.T, folderMode, fileMode os.FileMode, uid, gid int) string {
	t.Helper()
	path, db := storagetest.SQLite(t, "owncloud.db")
	storagetest.NewNextcloud(t, db, "oc_").Mount(1, "alice", "files")
	require.NoError(t, db.Close())
	require.NoError(t, os.Chown(path, uid, gid))
	require.NoError(t, os.Chown(filepath.Dir(path), uid, gid))
	require.NoError(t, os.Chmod(path, fileMode))
	require.NoError(t, os.Chmod(filepath.Dir(path), folderMode))
	requireAlone(t, path)
	return path
}

// requireAlone wants nothing to be beside the database.
func requireAlone(t *testing.T, path string) {
	t.Helper()
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		require.NoFileExists(t, path+suffix)
	}
}

// readOnce is what check does.
func readOnce(t *testing.T, path string) error {
	m, err := OpenMounts(DatabaseOptions{Driver: SQLite, Path: path, Prefix: "oc_"})
	require.NoError(t, err)
	_, err = m.MountsOfStorages(t.Context(), []uint64{1})
	require.NoError(t, m.Close())
	return err
}

func TestWALDatabaseLeavesNothing(t *testing.T) {
	path := newWAL(t, 0o770, 0o640, os.Getuid(), os.Getgid())
	require.NoError(t, readOnce(t, path))
	requireAlone(t, path)
	if os.Getuid() != 0 {
		return
	}
	// What root opens belongs to the database's owner while it is open, and is gone afterwards.
	path = newWAL(t, 0o770, 0o640, another, another)
	m := openMounts(t, DatabaseOptions{Driver: SQLite, Path: path, Prefix: "oc_"})
	_, err := m.MountsOfStorages(t.Context(), []uint64{1})
	require.NoError(t, err)
	for _, suffix := range []string{"-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		require.EqualValues(t, another, info.Sys().(*syscall.Stat_t).Uid)
	}
	require.NoError(t, m.Pool().Close())
	requireAlone(t, path)
}

// TestWALDatabaseOfAnotherUser reads as a member of the owner's group.
func TestWALDatabaseOfAnotherUser(t *testing.T) {
	const owner = another + 1
	database := os.Getenv("DATABASE")
	if database == "" && os.Getuid() == 0 {
		database = newWAL(t, 0o770, 0o660, owner, another)
	}
	if storagetest.AsUser(t, another, another, "DATABASE="+database) {
		err := readOnce(t, database)
		require.ErrorContains(t, err, "WAL mode")
		require.ErrorContains(t, err, "run as its owner: sudo -u 64999")
		return
	}
	requireAlone(t, database)
}

// TestWALDatabaseOfASharedFolder may be read: what SQLite makes there, PHP may write.
func TestWALDatabaseOfASharedFolder(t *testing.T) {
	const owner = another + 1
	database := os.Getenv("DATABASE")
	if database == "" && os.Getuid() == 0 {
		database = newWAL(t, 0o770|os.ModeSetgid, 0o660, owner, another)
	}
	if storagetest.AsUser(t, another, another, "DATABASE="+database) {
		require.NoError(t, readOnce(t, database))
		return
	}
	requireAlone(t, database)
}

// TestWALDatabaseInAClosedFolder reads as the owner, where nothing can be made beside it.
func TestWALDatabaseInAClosedFolder(t *testing.T) {
	database := os.Getenv("DATABASE")
	if database == "" && os.Getuid() == 0 {
		database = newWAL(t, 0o555, 0o640, another, another)
	}
	if storagetest.AsUser(t, another, another, "DATABASE="+database) {
		err := readOnce(t, database)
		require.ErrorContains(t, err, "WAL mode")
		require.ErrorContains(t, err, "make the folder "+filepath.Dir(database)+" writable for user 64998")
		require.ErrorContains(t, err, "ReadWritePaths="+filepath.Dir(database))
		return
	}
	requireAlone(t, database)
}

func TestSQLitePathThatIsNone(t *testing.T) {
	dir := storagetest.Dir(t)
	text, short := filepath.Join(dir, "text"), filepath.Join(dir, "short")
	require.NoError(t, os.WriteFile(text, []byte("<?php $CONFIG = ['dbtype' => 'sqlite'];"), 0o600))
	require.NoError(t, os.WriteFile(short, []byte("x"), 0o600))
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for path, want := range map[string]string{
		dir:                "this is a folder",
		pipe:               "no database file",
		text:               "this file is not an SQLite database",
		short:              "this file is not an SQLite database",
		empty:              "no such table",
		text + "/x.db":     text + " is a file, not a folder",
		dir + "/none/x.db": "the folder " + dir + "/none does not exist",
		dir + "/x.db":      "check the path: dbname.db in datadirectory",
	} {
		err := readOnce(t, path)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "SQLite at "+path)
	}
}
