package storage

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
)

func newPostgres(options DatabaseOptions) (driver.Connector, error) {
	options = options.withLibpqTLS()
	if err := options.TLS.check(); err != nil {
		return nil, err
	}
	config := pq.Config{
		User:            options.User,
		Password:        options.Password.Reveal(),
		Database:        options.Name,
		SSLMode:         pq.SSLMode(cmp.Or(options.TLS.Mode, TLSPrefer)),
		SSLCert:         options.TLS.Cert,
		SSLKey:          options.TLS.Key,
		SSLSNI:          true,
		ClientEncoding:  "UTF8",
		Datestyle:       "ISO, MDY",
		ApplicationName: "notify_push",
		ConnectTimeout:  connectTimeout,
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
	servers, err := options.postgresServers()
	if err != nil {
		return nil, err
	}
	config.Host, config.Port, config.Multi = servers[0].Host, servers[0].Port, servers[1:]
	if err := setLibpqOptions(&config, options.Options); err != nil {
		return nil, err
	}
	dialer := &postgresDialer{}
	switch options.TLS.Mode {
	case TLSRequire, TLSVerifyCA, TLSVerifyFull:
		// Done here, because the driver knows no revocation lists, wants a certificate to have more
		// than a common name, and asks for TLS on unix sockets.
		dialer.tls = &options.TLS
		config.SSLMode = pq.SSLModeDisable
	}
	connector, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, err
	}
	connector.Dialer(dialer)
	return connector, nil
}

// withLibpqTLS moves libpq's parameters for TLS to where they are in our options.
func (o DatabaseOptions) withLibpqTLS() DatabaseOptions {
	o.Options = maps.Clone(o.Options)
	for name, field := range map[string]*string{
		"sslmode":     &o.TLS.Mode,
		"sslrootcert": &o.TLS.CA,
		"sslcert":     &o.TLS.Cert,
		"sslkey":      &o.TLS.Key,
		"sslcrl":      &o.TLS.CRL,
	} {
		if value, given := o.Options[name]; given {
			*field = value
			delete(o.Options, name)
		}
	}
	if o.TLS.Mode == "allow" { // plain first, TLS if need be: the same servers are reached
		o.TLS.Mode = TLSPrefer
	}
	if o.TLS.CA == "" {
		o.TLS.CA = libpqFile("root.crt")
	}
	if o.TLS.Cert == "" {
		o.TLS.Cert, o.TLS.Key = libpqFile("postgresql.crt"), libpqFile("postgresql.key")
	}
	if o.TLS.CRL == "" {
		o.TLS.CRL = libpqFile("root.crl")
	}
	return o
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

// postgresFolders are where distributions put PostgreSQL's socket; libpq has one of them compiled in.
var postgresFolders = []string{"/run/postgresql", "/var/run/postgresql", "/tmp"}

// postgresServers are the places to try in turn, as the driver wants them: a host that is an
// absolute path is the folder of a socket.
func (o DatabaseOptions) postgresServers() ([]pq.ConfigMultihost, error) {
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
	for _, host := range append(postgresFolders, "localhost") {
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

// postgresDialer dials as the driver does, but for two things: a server that keeps silent is given up after the
// replyTimeout, and with tls set it does TLS itself. It is safe for concurrent use.
type postgresDialer struct {
	tls *DatabaseTLS // set once
}

// DialContext is what the driver uses.
func (d *postgresDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
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
		conn.Close()
		return nil, err
	}
	return encrypted, nil
}

// sslRequest asks a PostgreSQL server to go on with TLS; it answers S or N.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
var sslRequest = []byte{0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f}

func (d *postgresDialer) encrypt(ctx context.Context, plain net.Conn, host string) (net.Conn, error) {
	caFile := d.tls.CA
	if caFile == "system" {
		caFile = ""
	}
	config, err := trust{
		caFile:       caFile,
		caFolder:     d.tls.CAPath,
		crlFile:      d.tls.CRL,
		chain:        d.tls.Mode != TLSRequire || d.tls.CA != "", // libpq's "require" verifies if it can
		name:         d.tls.Mode == TLSVerifyFull,
		alternatives: true,
	}.config(host, clientCertificate{cert: d.tls.Cert, key: d.tls.Key})
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
		return nil, errors.New("unexpected reply: is this really a PostgreSQL server?")
	}
	conn := tls.Client(plain, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return conn, nil
}

// Dial and DialTimeout make postgresDialer a pq.Dialer, which prefers DialContext.
func (d *postgresDialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

func (d *postgresDialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// impatientConn ends a read on which nothing arrives for the replyTimeout. The driver reads only while it
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
	limit := time.Now().Add(replyTimeout)
	if !c.deadline.IsZero() && c.deadline.Before(limit) {
		limit = c.deadline
	}
	if err := c.SetReadDeadline(limit); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}
