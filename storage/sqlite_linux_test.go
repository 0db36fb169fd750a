package storage_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// TestWALDatabaseOnAReadOnlyMount works while PHP has it open.
func TestWALDatabaseOnAReadOnlyMount(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount")
	}
	path := newWAL(t, 0o770, 0o640, 0, 0)
	mount := storagetest.Dir(t)
	if err := syscall.Mount(filepath.Dir(path), mount, "", syscall.MS_BIND, ""); err != nil {
		t.Skip("mount: ", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(mount, syscall.MNT_DETACH)) })
	require.NoError(t, syscall.Mount("", mount, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	mounted := filepath.Join(mount, "owncloud.db")
	err := readOnce(t, mounted)
	require.ErrorContains(t, err, "WAL mode")
	require.ErrorContains(t, err, "the folder "+mount)
	requireAlone(t, path)

	php, err := sqlx.Open("sqlite", path)
	require.NoError(t, err)
	defer php.Close()
	_, err = php.Exec("DELETE FROM oc_mounts")
	require.NoError(t, err)
	require.NoError(t, readOnce(t, mounted))
}
