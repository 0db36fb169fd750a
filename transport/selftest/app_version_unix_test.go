//go:build unix

package selftest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/notifypush/notifypush/internal/files"
)

// A pipe in the place of info.xml does not keep the server from starting.
func TestAppInfoIsAPipe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "info.xml")
	require.NoError(t, unix.Mkfifo(file, 0o600))
	_, err := readAppInfo(file)
	require.ErrorIs(t, err, files.ErrNotRegular)
}
