package storage

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/storage/internal/dial"
)

// The values of DatabaseOptions.Driver.
const (
	MySQL    = "mysql" // MariaDB, too
	Postgres = "postgres"
	SQLite   = "sqlite"
)

// The values of DatabaseTLS.Mode, which mean what libpq's sslmode means.
const (
	TLSDisable    = "disable"
	TLSPrefer     = "prefer"      // TLS if the server has it, unverified
	TLSRequire    = "require"     // TLS, unverified; with PostgreSQL and a CA, like verify-ca
	TLSVerifyCA   = "verify-ca"   // an authority must have signed the server's certificate
	TLSVerifyFull = "verify-full" // and its certificate must name the host
)

// DatabaseOptions say where Nextcloud's database is. The meaning of each field is that of
// Nextcloud's configuration; fields that a driver does not need are ignored.
type DatabaseOptions struct {
	// Driver is MySQL, Postgres or SQLite. The program imports the package of this name below storage.
	Driver string
	// Host is a name or an address, without brackets, and without port. For MySQL "localhost", and
	// for both an empty Host, means the usual unix sockets and, if none is there, the loopback
	// addresses, as for PHP.
	Host string
	// Port is 3306 or 5432 when zero. PostgreSQL's sockets have a port, too.
	Port uint16
	// Socket is a unix socket: for MySQL its file, for PostgreSQL its folder or the file
	// .s.PGSQL.<port> in it. It goes before Host.
	Socket string
	// Hosts are PostgreSQL servers, as host:port or folder:port, that are tried in turn. They go
	// before Host.
	Hosts []string
	// User is the process's user when empty, for PostgreSQL.
	User string
	// Password may have any characters.
	Password actors.Secret
	// Name is the database's name.
	Name string
	// Path is SQLite's file.
	Path string
	TLS  DatabaseTLS
	// Options are further parameters of libpq, such as connect_timeout (in seconds), application_name
	// or target_session_attrs. Those named ssl… go before TLS.
	Options map[string]string
	// Prefix is put before the names of tables; Nextcloud's own default is "oc_".
	Prefix string `flag:"database-prefix" scope:"instance" env:"DATABASE_PREFIX" default:"oc_" placeholder:"TEXT" group:"Database" help:"What table names begin with; may be empty. Otherwise dbtableprefix of config.php."`
	// Reload, unless nil, returns the options as they are configured now. It is called when the server
	// refuses the login, by one goroutine at a time and at most once a second, and may block until ctx
	// ends. Other options than before replace them. The Reload of what it returns is ignored.
	Reload func(ctx context.Context) (DatabaseOptions, error)
}

// DatabaseTLS says how the database is trusted over TCP. Unix sockets of PostgreSQL have no TLS.
type DatabaseTLS struct {
	// Mode is one of the TLS… constants. Empty is TLSDisable for MySQL and TLSPrefer for
	// PostgreSQL, as with PHP.
	Mode string
	// CA is a file, and CAPath a folder, of the authorities to trust instead of the system's.
	CA, CAPath string
	// Cert and Key are the files of the client's certificate.
	Cert, Key string
	// Cipher lists cipher suites by OpenSSL's names, separated by colons; for MySQL. It restricts
	// TLS 1.2; the suites of TLS 1.3 cannot be chosen. Names that are not known here are skipped.
	Cipher string
	// CRL is a file of revoked certificates; for PostgreSQL.
	CRL string
}

// tlsModes are the values of DatabaseTLS.Mode, from the least to the most that is verified.
var tlsModes = []string{TLSDisable, TLSPrefer, TLSRequire, TLSVerifyCA, TLSVerifyFull}

// Check refuses a Mode that is none. It is not left to the libraries of the drivers: one of them panics.
func (t DatabaseTLS) Check() error {
	if t.Mode == "" || slices.Contains(tlsModes, t.Mode) {
		return nil
	}
	return fmt.Errorf("the database's TLS mode %q is not one of %s", t.Mode, strings.Join(tlsModes, ", "))
}

// SetParameter takes one of libpq's parameters, and reports whether it is one about TLS. libpq's mode allow, plain first and TLS if the server
// insists, becomes TLSPrefer: the same servers are reached. An error says that there is no such mode.
func (t *DatabaseTLS) SetParameter(name, value string) (isTLS bool, err error) {
	switch name {
	case "sslmode":
		t.Mode = strings.ToLower(value)
		if t.Mode == "allow" {
			t.Mode = TLSPrefer
		}
		if !slices.Contains(tlsModes, t.Mode) {
			return true, fmt.Errorf("%q is not a TLS mode; write %s", value, strings.Join(tlsModes, ", "))
		}
	case "sslrootcert":
		t.CA = value
	case "sslcert":
		t.Cert = value
	case "sslkey":
		t.Key = value
	case "sslcrl":
		t.CRL = value
	default:
		return false, nil
	}
	return true, nil
}

// connector adds to the failures of a driver's connector what was tried.
type connector struct {
	driver.Connector
	options DatabaseOptions
}

// Connect turns a panic into an error, too. The drivers panic at what no database would say, and
// database/sql would count a connection for ever that was never made.
func (c connector) Connect(ctx context.Context) (conn driver.Conn, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			conn, err = nil, &connectError{c.options, c.options.unexpectedReply(reason)}
		}
	}()
	conn, err = c.Connector.Connect(ctx)
	if err != nil {
		return nil, &connectError{c.options, err}
	}
	return conn, nil
}

// unexpectedReply is the error of a driver that panicked.
func (o DatabaseOptions) unexpectedReply(reason any) error {
	return fmt.Errorf("unexpected reply: is this really a %s server? %v", o.socketServer().name, reason)
}

type connectError struct {
	options DatabaseOptions
	err     error
}

func (e *connectError) Error() string {
	return fmt.Sprintf("connect to %s: %v", e.options, withoutSource(e.err))
}
func (e *connectError) Unwrap() error { return e.err }

// String names the database for errors, without the password.
func (o DatabaseOptions) String() string {
	if o.Driver == SQLite {
		return "SQLite at " + o.Path
	}
	server := o.socketServer()
	at := net.JoinHostPort(cmp.Or(o.Host, "localhost"), strconv.Itoa(int(cmp.Or(o.Port, server.port))))
	return fmt.Sprintf("%s at %s (database %q, user %q)", server.name, cmp.Or(strings.Join(o.Hosts, ", "), o.Socket, at), o.Name, o.User)
}

func (o DatabaseOptions) socketServer() socketServer {
	if o.Driver == Postgres {
		return postgresSocket
	}
	return mysqlSocket
}

// advice says what might help against the failures that operators meet most often; empty where nothing is known to.
func (o DatabaseOptions) advice(err error) string {
	if LoginRefused(err) {
		return "check user and password, and from where the server lets this user in"
	}
	switch serverCode(err) {
	case "1044", "1049", "3D000":
		return "check the database's name, and that this user may use it"
	case "1142", "1143", "42501":
		return "let this user read the tables"
	case "1146", "42P01":
		return "check the table prefix and the database's name"
	case "1040", "1203", "1226", "53300":
		return "the server has no connection to spare: raise max_connections"
	case "":
	default:
		return ""
	}
	var own string
	if d, missing := o.driverOf(); missing == nil {
		own = d.Advice(o, err)
	}
	if o.Driver == SQLite { // which is no server
		return own
	}
	if advice := cmp.Or(dial.TrustAdvice(err), o.socketServer().dialAdvice(err), own); advice != "" {
		return advice
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "check the path"
	case errors.Is(err, fs.ErrPermission):
		return "let this process read it"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded) && errors.As(err, new(*connectError)):
		return fmt.Sprintf("no answer: does the server hang, or is this really a %s server?", o.socketServer().name)
	case hungUp(err), errors.Is(err, driver.ErrBadConn):
		return fmt.Sprintf("the connection was ended: is this really a %s server?", o.socketServer().name)
	}
	return ""
}

// loginRefusals are the codes of MySQL, MariaDB and PostgreSQL for a wrong user or password.
var loginRefusals = []string{"1045", "1698", "28P01", "28000"}

// LoginRefused reports whether err says that Redis or the database did not accept user and password, or
// wants some.
func LoginRefused(err error) bool {
	reply := replyOf(err)
	return wantsPassword(reply) || refusesPassword(reply) || slices.Contains(loginRefusals, serverCode(err))
}
