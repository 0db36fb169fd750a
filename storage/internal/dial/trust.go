package dial

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
)

// Trust says which server certificates are good. It accepts what PHP and libpq accept, which is
// more than crypto/tls does: a certificate that names its host only in the common name, as the
// manuals of MySQL and PostgreSQL still teach to make them.
type Trust struct {
	CAFile, CAFolder string // both empty: the system's roots
	CRLFile          string
	Chain            bool // an authority must have signed the certificate
	Name             bool // the certificate must name the host
	Alternatives     bool // the common name counts only without alternative names that could name it, as for libpq; for PHP it always counts
	SelfSigned       bool // a certificate that signs itself is accepted
}

// Config reads the files anew for each connection, so that renewed certificates are used.
func (t Trust) Config(host string, client ClientCertificate) (*tls.Config, error) {
	roots, err := t.roots()
	if err != nil {
		return nil, err
	}
	revoked, err := readRevocations(t.CRLFile)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		ServerName:         host,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection below does it.
		VerifyConnection: func(state tls.ConnectionState) error {
			return t.verify(state.PeerCertificates, host, roots, revoked)
		},
	}
	if client.Cert == "" {
		return config, nil
	}
	pair, err := client.load()
	if err != nil {
		return nil, err
	}
	// Shown whichever authorities the server says that it knows, as OpenSSL does.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return config, nil
}

func (t Trust) verify(shown []*x509.Certificate, host string, roots *x509.CertPool, revoked []*x509.RevocationList) error {
	leaf := shown[0]
	if t.Chain {
		if err := t.verifyChain(leaf, shown[1:], roots, revoked); err != nil {
			return err
		}
	}
	if t.Name && !t.names(leaf, host) {
		return x509.HostnameError{Certificate: leaf, Host: host}
	}
	return nil
}

func (t Trust) verifyChain(leaf *x509.Certificate, others []*x509.Certificate, roots *x509.CertPool, revoked []*x509.RevocationList) error {
	if t.SelfSigned && signsItself(leaf) {
		roots = x509.NewCertPool()
		roots.AddCert(leaf)
	}
	options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, other := range others {
		options.Intermediates.AddCert(other)
	}
	chains, err := leaf.Verify(options)
	if err != nil {
		return err
	}
	for _, chain := range chains {
		if err := checkRevocation(chain, revoked); err != nil {
			return err
		}
	}
	return nil
}

func signsItself(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// names reports whether a certificate names a host, as an alternative name or as the common name.
func (t Trust) names(c *x509.Certificate, host string) bool {
	if c.VerifyHostname(host) == nil {
		return true
	}
	if t.Alternatives && hasAlternatives(c, host) {
		return false
	}
	if strings.EqualFold(c.Subject.CommonName, host) {
		return true
	}
	byCommonName := x509.Certificate{DNSNames: []string{c.Subject.CommonName}}
	return byCommonName.VerifyHostname(host) == nil
}

// hasAlternatives reports whether libpq would not look at the common name: an address may be in it beside DNS names.
// https://www.postgresql.org/docs/current/libpq-ssl.html
func hasAlternatives(c *x509.Certificate, host string) bool {
	if net.ParseIP(host) != nil {
		return len(c.IPAddresses) > 0
	}
	return len(c.DNSNames) > 0
}

func checkRevocation(chain []*x509.Certificate, revoked []*x509.RevocationList) error {
	for i, certificate := range chain[:len(chain)-1] {
		for _, list := range revoked {
			if list.CheckSignatureFrom(chain[i+1]) != nil {
				continue // another authority's list
			}
			for _, entry := range list.RevokedCertificateEntries {
				if entry.SerialNumber.Cmp(certificate.SerialNumber) == 0 {
					return fmt.Errorf("the certificate of %q is revoked", certificate.Subject.CommonName)
				}
			}
		}
	}
	return nil
}

// roots returns nil for the system's roots.
func (t Trust) roots() (*x509.CertPool, error) {
	if t.CAFile == "" && t.CAFolder == "" {
		return nil, nil
	}
	pool, found := x509.NewCertPool(), false
	if t.CAFile != "" {
		content, err := readFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the certificate authority: %w", err)
		}
		found = pool.AppendCertsFromPEM(content)
	}
	if t.CAFolder != "" {
		entries, err := listFolder(t.CAFolder)
		if err != nil {
			return nil, fmt.Errorf("read the folder of certificate authorities: %w", err)
		}
		for _, entry := range entries {
			// Such folders hold links that lead nowhere, other folders, and files of other kinds.
			if content, err := readFile(filepath.Join(t.CAFolder, entry.Name())); err == nil {
				found = pool.AppendCertsFromPEM(content) || found
			}
		}
	}
	if !found {
		return nil, fmt.Errorf("no certificate in PEM form in %s", strings.TrimSpace(t.CAFile+" "+t.CAFolder))
	}
	return pool, nil
}

func readRevocations(file string) ([]*x509.RevocationList, error) {
	if file == "" {
		return nil, nil
	}
	content, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the revocation list: %w", err)
	}
	var lists []*x509.RevocationList
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read the revocation list %s: %w", file, err)
		}
		lists = append(lists, list)
	}
	if lists == nil {
		return nil, errors.New("no revocation list in PEM form in " + file)
	}
	return lists, nil
}

// TrustAdvice says what might help against a certificate that was refused.
func TrustAdvice(err error) string {
	switch {
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "give the authority that signed the server's certificate"
	case errors.As(err, new(x509.HostnameError)):
		return "connect by a name that the certificate has, or do not verify the name"
	}
	return ""
}
