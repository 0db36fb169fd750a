package dial

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/youmark/pkcs8"
)

// ClientCertificate says where the certificate lies with which this client shows who it is.
type ClientCertificate struct {
	Cert       string // a PEM file; empty: none
	Key        string // empty: the key is in cert's file, too
	Passphrase string // of an encrypted key
}

func (c ClientCertificate) load() (tls.Certificate, error) {
	cert, err := readFile(c.Cert)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read the client certificate: %w", err)
	}
	key := cert
	if c.Key != "" {
		if key, err = readFile(c.Key); err != nil {
			return tls.Certificate{}, fmt.Errorf("read the client certificate's key: %w", err)
		}
	}
	key, err = decryptKey(key, c.Passphrase)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read the client certificate's key %s: %w", c.Key, err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("use the client certificate %s: %w", c.Cert, err)
	}
	return pair, nil
}

// decryptKey returns keys that are not encrypted as they are. It knows both forms in which OpenSSL
// has written encrypted keys.
func decryptKey(content []byte, passphrase string) ([]byte, error) {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY":
			key, err := pkcs8.ParsePKCS8PrivateKey(block.Bytes, []byte(passphrase))
			if err != nil {
				return nil, errors.New("it is encrypted, and the passphrase does not open it")
			}
			der, err := x509.MarshalPKCS8PrivateKey(key)
			if err != nil {
				return nil, err
			}
			return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
		case x509.IsEncryptedPEMBlock(block): //nolint:staticcheck // weak, but OpenSSL wrote keys so for decades
			der, err := x509.DecryptPEMBlock(block, []byte(passphrase)) //nolint:staticcheck // see above
			if err != nil || !isKey(block.Type, der) {
				return nil, errors.New("it is encrypted, and the passphrase does not open it")
			}
			return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: der}), nil
		}
	}
	return content, nil
}

// isKey reports whether decrypting gave a key: one wrong passphrase in 256 passes for a right one
// until then.
func isKey(kind string, der []byte) bool {
	var err error
	switch kind {
	case "RSA PRIVATE KEY":
		_, err = x509.ParsePKCS1PrivateKey(der)
	case "EC PRIVATE KEY":
		_, err = x509.ParseECPrivateKey(der)
	}
	return err == nil
}
