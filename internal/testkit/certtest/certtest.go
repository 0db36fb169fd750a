// Package certtest makes the certificates of tests, on every system.
package certtest

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
	"time"

	"github.com/stretchr/testify/require"
)

// Authority is a certificate authority of a test.
type Authority struct {
	// CA is the path of its own certificate.
	CA string

	t           testing.TB
	dir         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	issued      int64
}

// NewAuthority makes an authority that keeps its files in folder.
func NewAuthority(t testing.TB, folder string) *Authority {
	t.Helper()
	a := &Authority{t: t, dir: folder}
	a.key = a.newKey()
	template := a.template("Test authority")
	template.IsCA = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	template.ExtKeyUsage = nil
	a.certificate = a.sign(template, template, a.key, a.key)
	a.CA = a.writePEM("ca.crt", "CERTIFICATE", a.certificate.Raw)
	return a
}

// Issue returns the paths of a certificate and its key. hosts are the names and addresses that it
// is good for; without any, only its common name says whose it is.
func (a *Authority) Issue(commonName string, hosts ...string) (cert, key string) {
	a.t.Helper()
	leafKey := a.newKey()
	leaf := a.sign(a.leaf(commonName, hosts), a.certificate, leafKey, a.key)
	return a.write(commonName, leaf, leafKey)
}

// SelfSigned returns the paths of a certificate that no authority has signed, and its key.
func (a *Authority) SelfSigned(commonName string, hosts ...string) (cert, key string) {
	a.t.Helper()
	leafKey := a.newKey()
	template := a.leaf(commonName, hosts)
	return a.write(commonName+"-self", a.sign(template, template, leafKey, leafKey), leafKey)
}

// Revoke returns the path of a revocation list that names the certificate in the file cert.
func (a *Authority) Revoke(cert string) string {
	a.t.Helper()
	raw, err := os.ReadFile(cert)
	require.NoError(a.t, err)
	block, _ := pem.Decode(raw)
	revoked, err := x509.ParseCertificate(block.Bytes)
	require.NoError(a.t, err)
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number:     big.NewInt(1),
		ThisUpdate: time.Now().Add(-time.Hour),
		NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{
			{SerialNumber: revoked.SerialNumber, RevocationTime: time.Now().Add(-time.Minute)},
		},
	}, a.certificate, a.key)
	require.NoError(a.t, err)
	return a.writePEM("revoked.crl", "X509 CRL", list)
}

func (a *Authority) leaf(commonName string, hosts []string) *x509.Certificate {
	template := a.template(commonName)
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return template
}

func (a *Authority) template(commonName string) *x509.Certificate {
	a.issued++
	return &x509.Certificate{
		SerialNumber:          big.NewInt(a.issued),
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
}

func (a *Authority) write(name string, leaf *x509.Certificate, key *ecdsa.PrivateKey) (certPath, keyPath string) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	return a.writePEM(name+".crt", "CERTIFICATE", leaf.Raw), a.writePEM(name+".key", "PRIVATE KEY", der)
}

func (a *Authority) writePEM(name, kind string, der []byte) string {
	path := filepath.Join(a.dir, name)
	require.NoError(a.t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

func (a *Authority) newKey() *ecdsa.PrivateKey {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	return key
}

func (a *Authority) sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) *x509.Certificate {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	require.NoError(a.t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return certificate
}
