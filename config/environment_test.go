package config

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// TestDotEnvIsTrustedByItsOwner reads .env where nobody but root and this user can have written it, and waits for nothing.
func TestDotEnvIsTrustedByItsOwner(t *testing.T) {
	chown := func(uid int) error {
		if os.Geteuid() != 0 {
			t.Skip("only root can give a file away")
		}
		return os.Chown(".env", uid, uid)
	}
	write := func(mode os.FileMode) error {
		if err := os.WriteFile(".env", []byte("PORT=7001\nSOCKET_PERMISSIONS=0600\nREADER=x"), 0o600); err != nil {
			return err
		}
		return os.Chmod(".env", mode)
	}
	for name, test := range map[string]struct {
		prepare func() error
		says    string // empty: it counts
	}{
		"this user's":           {func() error { return write(0o600) }, ""},
		"others may read":       {func() error { return write(0o644) }, ""},
		"its group may write":   {func() error { return write(0o620) }, "chmod go-w .env"},
		"others may write":      {func() error { return write(0o602) }, "chmod go-w .env"},
		"another user's":        {func() error { _ = write(0o600); return chown(other) }, "it belongs to another user"},
		"a pipe":                {func() error { return syscall.Mkfifo(".env", 0o600) }, "not a regular file"},
		"a folder":              {func() error { return os.Mkdir(".env", 0o700) }, "not a regular file"},
		"a link":                {func() error { _ = write(0o600); _ = os.Rename(".env", "env"); return os.Symlink("env", ".env") }, "not a regular file"},
		"a link to what is not": {func() error { return os.Symlink("env", ".env") }, "not a regular file"},
		"too large":             {func() error { return os.WriteFile(".env", make([]byte, largestFile+1), 0o600) }, "too large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			require.NoError(t, test.prepare())
			result := loadWith(t, "", map[string]string{"SOCKET_PERMISSIONS": "0660"})
			if test.says == "" {
				require.EqualValues(t, 7001, result.Settings.Listen.Port)
				require.Equal(t, []string{"PORT", "READER"}, result.DotEnv, "what overrules SOCKET_PERMISSIONS is elsewhere")
				return
			}
			require.NotEqualValues(t, 7001, result.Settings.Listen.Port)
			require.Empty(t, result.DotEnv)
			require.Contains(t, result.Warnings[0], "read .env: ")
			require.Contains(t, result.Warnings[0], test.says)
			require.Contains(t, result.Warnings[0], "its variables do not count")
		})
	}
}

// TestDotEnvOfRootForAnotherUser counts: only root and that user can have written it.
func TestDotEnvOfRootForAnotherUser(t *testing.T) {
	folder := os.Getenv("DOTENV_FOLDER")
	if folder == "" {
		folder = storagetest.Dir(t)
		require.NoError(t, os.WriteFile(folder+"/.env", []byte("PORT=7001"), 0o644))
	}
	if storagetest.AsUser(t, other, other, "DOTENV_FOLDER="+folder) {
		t.Chdir(folder)
		require.EqualValues(t, 7001, loadWith(t, "", nil).Settings.Listen.Port)
	}
}

// TestFilesBesideAreNotWaitedFor has pipes where Nextcloud's files are, and more files than there may be.
func TestFilesBesideAreNotWaitedFor(t *testing.T) {
	if _, err := os.Stat("/dev/shm"); err == nil {
		t.Setenv("TMPDIR", "/dev/shm") // files are made faster there
	}
	folder := t.TempDir()
	config := folder + "/config.php"
	require.NoError(t, os.WriteFile(config, []byte("<?php $CONFIG = ['overwrite.cli.url' => 'https://x', 'dbtype' => 'sqlite', 'redis' => []];"), 0o600))
	require.NoError(t, syscall.Mkfifo(folder+"/a.config.php", 0o600))
	result := loadWith(t, config, nil)
	require.NoError(t, result.Err())
	require.Equal(t, []string{folder + "/a.config.php is not a regular file"}, result.Warnings[:1])

	require.NoError(t, os.Remove(folder+"/a.config.php"))
	for n := range maxBeside {
		require.NoError(t, os.Symlink("config.php", folder+"/"+time.Unix(int64(n), 0).Format("150405")+".txt"))
	}
	result = loadWith(t, config, nil)
	require.Contains(t, result.Warnings[0], "it holds too many files")
	require.NoError(t, os.WriteFile(config, []byte("<?php $CONFIG = ['overwrite.cli.url' => 'https://x', 'dbtype' => 'sqlite'];"), 0o600))
	require.ErrorContains(t, loadWith(t, config, nil).Err(), "redis may be set there")
}
