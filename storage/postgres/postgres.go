// Package postgres lets package storage use PostgreSQL. Importing it is enough:
//
//	import _ "github.com/notifypush/notifypush/storage/postgres"
package postgres

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"

	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/internal/dial"
)

func init() { storage.RegisterDriver(storage.Postgres, registered{}) }

// registered is a storage.Driver.
type registered struct{}

func (registered) Code(err error) string {
	if reported, ok := errors.AsType[*pq.Error](err); ok {
		return string(reported.Code)
	}
	return ""
}

var errUnexpectedReply = errors.New("unexpected reply: is this really a PostgreSQL server?")

func (registered) Advice(_ storage.DatabaseOptions, err error) string {
	switch text := err.Error(); {
	case errors.Is(err, pq.ErrSSLNotSupported):
		return "the server has no TLS: turn it on there, or off here"
	case strings.Contains(text, "unsupported protocol version"), strings.Contains(text, "pq: un"):
		return errUnexpectedReply.Error()
	}
	return ""
}

func (registered) Connector(options storage.DatabaseOptions) (driver.Connector, error) {
	options, err := withLibpqTLS(options)
	if err != nil {
		return nil, err
	}
	config := pq.Config{
		User:            options.User,
		Password:        options.Password.Reveal(),
		Database:        options.Name,
		SSLMode:         pq.SSLMode(cmp.Or(options.TLS.Mode, storage.TLSPrefer)),
		SSLCert:         options.TLS.Cert,
		SSLKey:          options.TLS.Key,
		SSLSNI:          true,
		ClientEncoding:  "UTF8",
		Datestyle:       "ISO, MDY",
		ApplicationName: "notify_push",
		ConnectTimeout:  dial.ConnectTimeout,
		// One round trip a query, and nothing prepared that a connection pooler would lose.
		BinaryParameters: true,
	}
	if config.User == "" {
		self, err := user.Current()
		if err != nil {
			return nil, fmt.Errorf("no user for PostgreSQL is given, and the process's own is not known: %w", err)
		}
		config.User = self.Username
	}
	servers, err := serversOf(options)
	if err != nil {
		return nil, err
	}
	config.Host, config.Port, config.Multi = servers[0].Host, servers[0].Port, servers[1:]
	if err := setLibpqOptions(&config, options.Options); err != nil {
		return nil, err
	}
	network := &dialer{}
	switch options.TLS.Mode {
	case storage.TLSRequire, storage.TLSVerifyCA, storage.TLSVerifyFull:
		// Done here, because the driver knows no revocation lists, wants a certificate to have more
		// than a common name, and asks for TLS on unix sockets.
		network.tls = &options.TLS
		config.SSLMode = pq.SSLModeDisable
	}
	connector, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, err
	}
	connector.Dialer(network)
	return connector, nil
}

// withLibpqTLS has libpq's parameters for TLS, and its usual files, count as DatabaseOptions.TLS.
func withLibpqTLS(o storage.DatabaseOptions) (storage.DatabaseOptions, error) {
	for name, value := range o.Options {
		if _, err := o.TLS.SetParameter(name, value); err != nil {
			return o, err
		}
	}
	o.TLS.CA = cmp.Or(o.TLS.CA, libpqFile("root.crt"))
	o.TLS.CRL = cmp.Or(o.TLS.CRL, libpqFile("root.crl"))
	if o.TLS.Cert == "" {
		o.TLS.Cert, o.TLS.Key = libpqFile("postgresql.crt"), libpqFile("postgresql.key")
	}
	return o, o.TLS.Check()
}

// libpqFile returns the path of a file in the folder where libpq looks for its certificates, or
// nothing if it is not there.
func libpqFile(name string) string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	path := filepath.Join(home, ".postgresql", name)
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// serversOf are the places to try in turn, as the driver wants them: a host that is an
// absolute path is the folder of a socket.
func serversOf(o storage.DatabaseOptions) ([]pq.ConfigMultihost, error) {
	port := cmp.Or(o.Port, 5432)
	switch {
	case len(o.Hosts) > 0:
		return parseServers(o.Hosts)
	case o.Socket != "":
		folder := o.Socket
		if digits, isFile := strings.CutPrefix(filepath.Base(folder), ".s.PGSQL."); isFile {
			number, err := strconv.ParseUint(digits, 10, 16)
			if err != nil {
				return nil, fmt.Errorf("the name of the socket %s does not end in a port", o.Socket)
			}
			folder, port = filepath.Dir(folder), uint16(number)
		}
		return []pq.ConfigMultihost{{Host: folder, Port: port}}, nil
	case o.Host != "":
		return []pq.ConfigMultihost{{Host: o.Host, Port: port}}, nil
	}
	var servers []pq.ConfigMultihost
	for _, host := range slices.Concat(dial.PostgresFolders, []string{"localhost"}) {
		servers = append(servers, pq.ConfigMultihost{Host: host, Port: port})
	}
	return servers, nil
}

func parseServers(addresses []string) ([]pq.ConfigMultihost, error) {
	var servers []pq.ConfigMultihost
	for _, address := range addresses {
		host, digits, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("the PostgreSQL server %q is not host:port: %w", address, err)
		}
		port, err := strconv.ParseUint(digits, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("the PostgreSQL server %q has no usable port: %w", address, err)
		}
		servers = append(servers, pq.ConfigMultihost{Host: host, Port: uint16(port)})
	}
	return servers, nil
}

var sessionAttributes = []string{"any", "read-write", "read-only", "primary", "standby", "prefer-standby"}

// setLibpqOptions takes over the parameters that matter for reading a table. The others of libpq
// are skipped: they concern its own ways, such as keepalives.
func setLibpqOptions(config *pq.Config, options map[string]string) error {
	for name, value := range options {
		switch name {
		case "application_name":
			config.ApplicationName = value
		case "connect_timeout":
			seconds, err := strconv.Atoi(value)
			if err != nil {
				return fmt.Errorf("PostgreSQL's connect_timeout is %q, not a number of seconds", value)
			}
			if seconds > 0 { // zero means no limit to libpq; a limit there must be
				config.ConnectTimeout = time.Duration(seconds) * time.Second
			}
		case "options":
			config.Options = value
		case "passfile":
			config.Passfile = value
		case "target_session_attrs":
			if !slices.Contains(sessionAttributes, value) {
				return fmt.Errorf("PostgreSQL's target_session_attrs is %q, not one of %s", value, strings.Join(sessionAttributes, ", "))
			}
			config.TargetSessionAttrs = pq.TargetSessionAttrs(value)
		case "load_balance_hosts":
			config.LoadBalanceHosts = pq.LoadBalanceHosts(value)
		}
	}
	return nil
}

// dialer dials as the driver does, but for two things: a server that keeps silent is given up after the
// ReplyTimeout, and with tls set it does TLS itself. It is safe for concurrent use.
type dialer struct {
	pq.Dialer                      // nil: the driver calls DialContext instead of its methods
	tls       *storage.DatabaseTLS // set once
}

// DialContext is what the driver uses.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	conn = &impatientConn{Conn: conn}
	if d.tls == nil || network == "unix" {
		return conn, nil
	}
	host, _, _ := net.SplitHostPort(address)
	encrypted, err := d.encrypt(ctx, conn, host)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return encrypted, nil
}

// sslRequest asks a PostgreSQL server to go on with TLS; it answers S or N.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
var sslRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}

func (d *dialer) encrypt(ctx context.Context, plain net.Conn, host string) (net.Conn, error) {
	caFile := d.tls.CA
	if caFile == "system" {
		caFile = ""
	}
	config, err := dial.Trust{
		CAFile:       caFile,
		CAFolder:     d.tls.CAPath,
		CRLFile:      d.tls.CRL,
		Chain:        d.tls.Mode != storage.TLSRequire || d.tls.CA != "", // libpq's "require" verifies if it can
		Name:         d.tls.Mode == storage.TLSVerifyFull,
		Alternatives: true,
	}.Config(host, dial.ClientCertificate{Cert: d.tls.Cert, Key: d.tls.Key})
	if err != nil {
		return nil, err
	}
	if deadline, limited := ctx.Deadline(); limited {
		if err := plain.SetDeadline(deadline); err != nil { // the driver lifts it after the login
			return nil, err
		}
	}
	if _, err := plain.Write(sslRequest); err != nil {
		return nil, err
	}
	answer := make([]byte, 1) // no more: what follows must come encrypted
	if _, err := io.ReadFull(plain, answer); err != nil {
		return nil, err
	}
	switch answer[0] {
	case 'S':
	case 'N':
		return nil, pq.ErrSSLNotSupported
	default:
		return nil, errUnexpectedReply
	}
	conn := tls.Client(plain, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return conn, nil
}

// impatientConn ends a read on which nothing arrives for the ReplyTimeout. The driver reads only while it
// waits for an answer. It is used by one goroutine at a time, as the driver does.
type impatientConn struct {
	net.Conn // set once

	// owned by the driver's goroutine
	deadline time.Time // of the login; zero afterwards
}

func (c *impatientConn) SetDeadline(deadline time.Time) error {
	c.deadline = deadline
	return c.Conn.SetDeadline(deadline)
}

func (c *impatientConn) Read(p []byte) (int, error) {
	limit := time.Now().Add(dial.ReplyTimeout)
	if !c.deadline.IsZero() && c.deadline.Before(limit) {
		limit = c.deadline
	}
	if err := c.SetReadDeadline(limit); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}
