package paths

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

func TestFolderFault(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for path, want := range map[string]string{
		filepath.Join(dir, "missing"):                     "",
		filepath.Join(dir, "missing", "deeper", "a.sock"): "the folder " + filepath.Join(dir, "missing") + " does not exist",
		filepath.Join(file, "a.sock"):                     file + " is a file, not a folder",
		file:                                              "",
	} {
		got := FolderFault(path)
		require.True(t, strings.HasPrefix(got, want), "%s: %s", path, got)
		require.Equal(t, want == "", got == "", "%s: %s", path, got)
	}
}

func TestFolderFaultOfAnotherUser(t *testing.T) {
	closed := os.Getenv("CLOSED_FOLDER")
	if closed == "" {
		closed = filepath.Join(storagetest.Dir(t), "closed")
		require.NoError(t, os.Mkdir(closed, 0o750))
	}
	if storagetest.AsUser(t, 64998, 64998, "CLOSED_FOLDER="+closed) {
		require.Equal(t, "user 64998 may not enter the folder "+closed+": chgrp and chmod g+x would let it", FolderFault(filepath.Join(closed, "a.sock")))
		require.Contains(t, FolderFault(filepath.Join(closed, "b", "a.sock")), closed+": ")
	}
}

func TestHiddenBy(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "np") // which no option hides
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Symlink("/tmp", filepath.Join(dir, "link")))
	for path, want := range map[string]string{
		"/tmp/redis.sock":                        "PrivateTmp",
		"/var/tmp/a/b":                           "PrivateTmp",
		"/home/u/redis.sock":                     "ProtectHome",
		"/root/redis.sock":                       "ProtectHome",
		"/run/user/33/redis.sock":                "ProtectHome",
		"/tmp/../tmp/redis.sock":                 "PrivateTmp",
		filepath.Join(dir, "link", "redis.sock"): "PrivateTmp",
		filepath.Join(dir, "redis.sock"):         "",
		"/run/redis/redis.sock":                  "",
		"/run/users/redis.sock":                  "",
		"/homes/redis.sock":                      "",
		"/tmpfs/redis.sock":                      "",
	} {
		require.Equal(t, want, HiddenBy(path), path)
	}
}
