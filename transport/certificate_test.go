package transport

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifypush/notifypush/internal/testkit/certtest"
	"github.com/stretchr/testify/require"
)

func TestCertificateIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		authority := certtest.NewAuthority(t, t.TempDir())
		cert, key := authority.Issue("old.example")
		config, err := serverTLS(cert, key)
		require.NoError(t, err)
		shown := func() string {
			time.Sleep(lookEvery)
			certificate, err := config.GetCertificate(nil)
			require.NoError(t, err)
			return certificate.Leaf.Subject.CommonName
		}
		require.Equal(t, "old.example", shown())

		// A renewal that is half done: the certificate is there, its key not yet.
		require.NoError(t, os.WriteFile(key, []byte("half of it"), 0o600))
		touch(t, key, 1)
		require.Equal(t, "old.example", shown())

		newCert, newKey := authority.Issue("new.example")
		require.NoError(t, os.Rename(newCert, cert))
		require.NoError(t, os.Rename(newKey, key))
		touch(t, cert, 2)
		touch(t, key, 2)
		require.Equal(t, "new.example", shown())

		require.NoError(t, os.Remove(cert))
		require.Equal(t, "new.example", shown(), "the one before is still good")
	})
}

// touch makes a file's time of change differ, however coarse the file system's clock is.
func touch(t testing.TB, file string, hours int) {
	t.Helper()
	changed := time.Date(2020, 1, 1, hours, 0, 0, 0, time.UTC)
	require.NoError(t, os.Chtimes(file, changed, changed))
}
