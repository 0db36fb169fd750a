package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/notifypush/notifypush/internal/paths"
)

// serverTLS returns the configuration to serve TLS with, nil where no certificate is given.
func serverTLS(cert, key string) (*tls.Config, error) {
	switch {
	case cert == "" && key == "":
		return nil, nil
	case cert == "" || key == "":
		return nil, errors.New("TLS needs both a certificate and its key, and only one of them is given")
	}
	c := &certificate{cert: cert, key: key}
	if err := c.load(); err != nil {
		return nil, err
	}
	return &tls.Config{
		GetCertificate: c.get,
		MinVersion:     tls.VersionTLS12,
	}, nil
}

// CheckCertificate returns why TLS could not be served with these files, nil where it could or none are given.
func CheckCertificate(options ListenOptions) error {
	_, err := serverTLS(options.TLSCert, options.TLSKey)
	return err
}

// certificate is the server's certificate, read again when its files change, so that a renewed one
// needs no restart.
type certificate struct {
	cert, key string

	mu         sync.Mutex
	loaded     *tls.Certificate
	modified   [2]time.Time
	lookedLast time.Time
}

// lookEvery is how often the files are looked at, at most.
const lookEvery = time.Second

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.lookedLast) < lookEvery {
		return c.loaded, nil
	}
	c.lookedLast = time.Now()
	if c.modified != c.modifiedNow() {
		_ = c.load() // half written, perhaps: the one before is still good, and the files are looked at again
	}
	return c.loaded, nil
}

func (c *certificate) load() error {
	modified := c.modifiedNow()
	loaded, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		err = fmt.Errorf("load the TLS certificate %s with the key %s: %w", c.cert, c.key, err)
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w; user %s must be able to read both", err, paths.ProcessUser())
		}
		return err
	}
	c.loaded, c.modified = &loaded, modified
	return nil
}

// modifiedNow returns when the files were changed last, the zero time for one that is not there.
func (c *certificate) modifiedNow() (modified [2]time.Time) {
	for i, file := range []string{c.cert, c.key} {
		if info, err := os.Stat(file); err == nil {
			modified[i] = info.ModTime()
		}
	}
	return modified
}
