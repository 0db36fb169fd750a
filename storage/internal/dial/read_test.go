package dial

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/internal/files"
)

// TestCertificatesAreRegularFiles opens neither a pipe, which would be waited for, nor a device, which never ends.
func TestCertificatesAreRegularFiles(t *testing.T) {
	folder := t.TempDir()
	pipe, large := filepath.Join(folder, "pipe"), filepath.Join(folder, "large")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, os.WriteFile(large, nil, 0o600))
	require.NoError(t, os.Truncate(large, maxFile+1))
	for path, cause := range map[string]error{pipe: files.ErrNotRegular, "/dev/zero": files.ErrNotRegular, large: files.ErrTooLarge} {
		_, err := ClientCertificate{Cert: path}.load()
		require.ErrorIs(t, err, cause, path)
		_, err = Trust{CAFile: path}.roots()
		require.ErrorIs(t, err, cause, path)
		_, err = readRevocations(path)
		require.ErrorIs(t, err, cause, path)
	}
	_, err := Trust{CAFolder: folder}.roots()
	require.ErrorContains(t, err, "no certificate in PEM form")
}
