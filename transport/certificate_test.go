package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// authority issues certificates for tests.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
	file        string
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "Authority of the tests"},
		NotBefore:             time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Now().AddDate(100, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	a := &authority{certificate: certificate, key: key, pool: x509.NewCertPool(), file: filepath.Join(t.TempDir(), "ca.pem")}
	a.pool.AddCert(certificate)
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

// issue writes a certificate for a host, and its key, into files.
func (a *authority) issue(t testing.TB, host string) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	a.issueTo(t, host, cert, key)
	return cert, key
}

func (a *authority) issueTo(t testing.TB, host, cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: host},
		NotBefore:    a.certificate.NotBefore,
		NotAfter:     a.certificate.NotAfter,
		DNSNames:     []string{host},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, private.Public(), a.key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	writePEM(t, cert, "CERTIFICATE", der)
	writePEM(t, key, "PRIVATE KEY", keyDER)
}

func writePEM(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

func TestCertificateIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		authority := newAuthority(t)
		cert, key := authority.issue(t, "old.example")
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

		authority.issueTo(t, "new.example", cert, key)
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
