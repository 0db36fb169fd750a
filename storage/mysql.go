package storage

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
)

func newMySQL(options DatabaseOptions) (driver.Connector, error) {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = options.User, options.Password.Reveal(), options.Name
	config.Timeout, config.ReadTimeout, config.WriteTimeout = connectTimeout, replyTimeout, replyTimeout
	config.InterpolateParams = true    // one round trip a query instead of three
	config.Logger = &mysql.NopLogger{} // the driver returns as errors what it logs
	config.Addr = options.endpoint(3306)
	switch {
	case options.Socket != "":
		config.Net = "unix"
	case options.Host == "" || options.Host == "localhost":
		config.DialFunc = localDialer(cmp.Or(options.Port, 3306))
	}
	if err := encryptMySQL(config, options); err != nil {
		return nil, err
	}
	return mysql.NewConnector(config)
}

// encryptMySQL makes each new connection read the certificates anew.
func encryptMySQL(config *mysql.Config, options DatabaseOptions) error {
	settings := options.TLS
	if err := settings.check(); err != nil {
		return err
	}
	mode := cmp.Or(settings.Mode, TLSDisable)
	if mode == TLSDisable {
		return nil
	}
	// A password may be sent in clear only where TLS is certain.
	config.AllowCleartextPasswords = mode != TLSPrefer
	config.AllowFallbackToPlaintext = mode == TLSPrefer
	trust := trust{
		caFile:   settings.CA,
		caFolder: settings.CAPath,
		crlFile:  settings.CRL,
		chain:    mode == TLSVerifyCA || mode == TLSVerifyFull,
		name:     mode == TLSVerifyFull,
	}
	host := cmp.Or(options.Host, "localhost")
	return config.Apply(mysql.BeforeConnect(func(_ context.Context, config *mysql.Config) error {
		encryption, err := trust.config(host, clientCertificate{cert: settings.Cert, key: settings.Key})
		if err != nil {
			return err
		}
		encryption.CipherSuites = cipherSuites(settings.Cipher)
		config.TLS = encryption
		return nil
	}))
}

// localSockets are where distributions put MySQL's socket; PHP has one of them compiled in.
var localSockets = []string{
	"/run/mysqld/mysqld.sock",
	"/var/run/mysqld/mysqld.sock",
	"/tmp/mysql.sock",
	"/var/lib/mysql/mysql.sock",
	"/run/mysql/mysql.sock",
}

// localDialer connects to "localhost" as MySQL's own clients do: by the socket if there is one.
func localDialer(port uint16) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		sockets := localSockets
		if socket := os.Getenv("MYSQL_UNIX_PORT"); socket != "" {
			sockets = append([]string{socket}, sockets...)
		}
		var dialer net.Dialer
		var failures []error
		for _, socket := range sockets {
			conn, err := dialer.DialContext(ctx, "unix", socket)
			if err == nil {
				return conn, nil
			}
			if !errors.Is(err, fs.ErrNotExist) {
				failures = append(failures, err)
			}
		}
		for _, host := range []string{"127.0.0.1", "::1"} {
			conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
			if err == nil {
				return conn, nil
			}
			failures = append(failures, err)
		}
		return nil, fmt.Errorf("no usual socket, and no server on this machine: %w", errors.Join(failures...))
	}
}

// openSSLNames are OpenSSL's names of the suites of TLS 1.2 that crypto/tls has.
var openSSLNames = map[string]uint16{
	"AES128-SHA":                    tls.TLS_RSA_WITH_AES_128_CBC_SHA,
	"AES256-SHA":                    tls.TLS_RSA_WITH_AES_256_CBC_SHA,
	"AES128-SHA256":                 tls.TLS_RSA_WITH_AES_128_CBC_SHA256,
	"AES128-GCM-SHA256":             tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
	"AES256-GCM-SHA384":             tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-AES128-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	"ECDHE-RSA-AES256-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	"ECDHE-RSA-AES128-SHA256":       tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
	"ECDHE-RSA-AES128-GCM-SHA256":   tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-RSA-AES256-GCM-SHA384":   tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-CHACHA20-POLY1305":   tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-ECDSA-AES128-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	"ECDHE-ECDSA-AES256-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
	"ECDHE-ECDSA-AES128-SHA256":     tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
	"ECDHE-ECDSA-AES128-GCM-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-ECDSA-AES256-GCM-SHA384": tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-ECDSA-CHACHA20-POLY1305": tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
}

// cipherSuites returns nil, which means the default ones, when no suite is named.
func cipherSuites(list string) []uint16 {
	var suites []uint16
	for name := range strings.SplitSeq(list, ":") {
		if suite, known := openSSLNames[strings.ToUpper(strings.TrimSpace(name))]; known {
			suites = append(suites, suite)
		}
	}
	return suites
}
