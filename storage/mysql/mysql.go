// Package mysql lets package storage use MySQL and MariaDB. Importing it is enough:
//
//	import _ "github.com/notifypush/notifypush/storage/mysql"
package mysql

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

	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/internal/dial"
)

func init() { storage.RegisterDriver(storage.MySQL, registered{}) }

// registered is a storage.Driver.
type registered struct{}

func (registered) Code(err error) string {
	if reported, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return strconv.Itoa(int(reported.Number))
	}
	return ""
}

func (registered) Advice(_ storage.DatabaseOptions, err error) string {
	switch {
	case errors.Is(err, mysql.ErrNoTLS):
		return "the server has no TLS: turn it on there, or off here"
	case errors.Is(err, mysql.ErrInvalidConn):
		return "the connection was ended: is this really a MySQL server?"
	case errors.Is(err, mysql.ErrMalformPkt), errors.Is(err, mysql.ErrPktSync), errors.Is(err, mysql.ErrPktTooLarge), errors.Is(err, mysql.ErrOldProtocol):
		return "unexpected reply: is this really a MySQL server?"
	}
	return ""
}

func (registered) Connector(options storage.DatabaseOptions) (driver.Connector, error) {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.DBName = options.User, options.Password.Reveal(), options.Name
	config.Timeout, config.ReadTimeout, config.WriteTimeout = dial.ConnectTimeout, dial.ReplyTimeout, dial.ReplyTimeout
	config.InterpolateParams = true    // one round trip a query instead of three
	config.Logger = &mysql.NopLogger{} // the library returns as errors what it logs
	port := cmp.Or(options.Port, 3306)
	config.Addr = net.JoinHostPort(cmp.Or(options.Host, "localhost"), strconv.Itoa(int(port)))
	switch {
	case options.Socket != "":
		config.Net, config.Addr = "unix", options.Socket
	case options.Host == "" || options.Host == "localhost":
		config.DialFunc = localDialer(port)
	}
	if err := encrypt(config, options); err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(config)
	return boundedConnector{connector}, err
}

// boundedConnector bounds the login, too; the library's own timeout is of the dial alone.
type boundedConnector struct{ driver.Connector }

func (c boundedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dial.ConnectTimeout)
	defer cancel()
	return c.Connector.Connect(ctx)
}

// encrypt makes each new connection read the certificates anew.
func encrypt(config *mysql.Config, options storage.DatabaseOptions) error {
	settings := options.TLS
	if err := settings.Check(); err != nil {
		return err
	}
	mode := cmp.Or(settings.Mode, storage.TLSDisable)
	if mode == storage.TLSDisable {
		return nil
	}
	// A password may be sent in clear only where TLS is certain.
	config.AllowCleartextPasswords = mode != storage.TLSPrefer
	config.AllowFallbackToPlaintext = mode == storage.TLSPrefer
	trust := dial.Trust{
		CAFile:   settings.CA,
		CAFolder: settings.CAPath,
		CRLFile:  settings.CRL,
		Chain:    mode == storage.TLSVerifyCA || mode == storage.TLSVerifyFull,
		Name:     mode == storage.TLSVerifyFull,
	}
	host := cmp.Or(options.Host, "localhost")
	return config.Apply(mysql.BeforeConnect(func(_ context.Context, config *mysql.Config) error {
		encryption, err := trust.Config(host, dial.ClientCertificate{Cert: settings.Cert, Key: settings.Key})
		if err != nil {
			return err
		}
		encryption.CipherSuites = cipherSuites(settings.Cipher)
		config.TLS = encryption
		return nil
	}))
}

// localDialer connects to "localhost" as MySQL's own clients do: by the socket if there is one.
func localDialer(port uint16) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		sockets := dial.MySQLSockets
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
