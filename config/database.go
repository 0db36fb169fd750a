package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/notifypush/notifypush/config/php"
)

// The drivers of a Database.
const (
	DriverMySQL    = "mysql" // MariaDB, too
	DriverPostgres = "postgres"
	DriverSQLite   = "sqlite"
)

// How far a database's TLS goes; the words are libpq's.
const (
	TLSDisable    = "disable"
	TLSPrefer     = "prefer"
	TLSRequire    = "require" // encrypted, the certificate unchecked
	TLSVerifyCA   = "verify-ca"
	TLSVerifyFull = "verify-full"
)

// Database is where Nextcloud's tables are.
type Database struct {
	Driver   string            `setting:"driver"`
	Host     string            `setting:"host"`   // no brackets around IPv6; "localhost" with MySQL means the usual sockets, then TCP; empty with PostgreSQL means libpq's default socket, then TCP to localhost; empty when Socket or Hosts is set
	Port     uint16            `setting:"port"`   // the driver's default when none is written; 0 for SQLite
	Socket   string            `setting:"socket"` // path of MySQL's socket; for PostgreSQL that of the socket's folder or of the socket itself
	User     string            `setting:"user"`   // empty with PostgreSQL means the process's user
	Password Secret            `setting:"password"`
	Name     string            `setting:"name"`
	Path     string            `setting:"path"`  // of SQLite's file
	Hosts    []string          `setting:"hosts"` // of PostgreSQL, when there are several: host:port, tried in turn
	TLS      DatabaseTLS       `setting:"tls"`
	Options  map[string]string `setting:"options"` // further connection options by libpq's or MySQL's names
}

// DatabaseTLS says how the connection to a database is encrypted. The fields beside Mode are paths, but for Cipher, a list in OpenSSL's words.
type DatabaseTLS struct {
	Mode   string `setting:"mode"`
	CA     string `setting:"ca"`
	CAPath string `setting:"capath"`
	Cert   string `setting:"cert"`
	Key    string `setting:"key"`
	Cipher string `setting:"cipher"`
	CRL    string `setting:"crl"`
}

// Numbers of PDO's constants, by which dbdriveroptions names the TLS settings of MySQL.
const (
	pdoMySQLKey    = 1007
	pdoMySQLCert   = 1008
	pdoMySQLCA     = 1009
	pdoMySQLCAPath = 1010
	pdoMySQLCipher = 1011
	pdoMySQLVerify = 1014
)

const (
	mysqlPort    = 3306
	postgresPort = 5432
)

// nextcloudDatabase is the database that Nextcloud's ConnectionFactory makes of its configuration.
func nextcloudDatabase(n *nextcloud) (Database, error) {
	name := n.text("dbname", "owncloud")
	switch kind := strings.ToLower(n.text("dbtype", "sqlite")); kind {
	case "sqlite", "sqlite3":
		return Database{Driver: DriverSQLite, Name: name, Path: sqlitePath(n, name), TLS: DatabaseTLS{Mode: TLSDisable}}, nil
	case "mysql", "mariadb":
		database := Database{Driver: DriverMySQL, Name: name, TLS: mysqlTLS(n.array("dbdriveroptions"))}
		return database.complete(n)
	case "pgsql", "postgresql", "postgres":
		database := Database{Driver: DriverPostgres, Name: name, TLS: DatabaseTLS{Mode: TLSPrefer}}
		return database.complete(n)
	case "oci":
		return Database{}, n.problem("dbtype", errors.New("databases of Oracle are not supported; MySQL, MariaDB, PostgreSQL and SQLite are"))
	default:
		return Database{}, n.problem("dbtype", fmt.Errorf("%q is not a database that Nextcloud knows; write mysql, pgsql or sqlite3", kind))
	}
}

func sqlitePath(n *nextcloud, name string) string {
	folder := n.text("datadirectory", "data")
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(n.root, folder)
	}
	return filepath.Join(folder, name+".db")
}

// complete fills in what MySQL and PostgreSQL have in common.
func (d Database) complete(n *nextcloud) (Database, error) {
	d.User = n.text("dbuser", "")
	d.Password = NewSecret(n.text("dbpassword", ""))
	locate := d.locateMySQL
	if d.Driver == DriverPostgres {
		locate = d.locatePostgres
	}
	if err := locate(n.text("dbhost", "")); err != nil {
		return d, n.problem("dbhost", err)
	}
	if d.Driver == DriverPostgres {
		if err := d.TLS.applyPostgres(n.array("pgsql_ssl")); err != nil {
			return d, n.problem("pgsql_ssl", err)
		}
	}
	if port := n.optional("dbport"); port != "" && port != strconv.Itoa(int(d.Port)) {
		n.warn("%s: dbport %s is not used, for Nextcloud does not read it; the port is %d, and dbhost can name another: 'host:port'", n.source("dbport"), port, d.Port)
	}
	return d, nil
}

// locateMySQL takes dbhost apart as Nextcloud and mysqlnd do.
func (d *Database) locateMySQL(text string) error {
	at, err := parseEndpoint(text)
	if err != nil {
		return err
	}
	d.Host, d.Port, d.Socket = at.host, cmp.Or(at.port, mysqlPort), at.socket
	if d.Host == "" && d.Socket == "" {
		d.Host = "localhost"
	}
	return nil
}

// locatePostgres takes dbhost apart as Nextcloud, PDO and libpq do: several hosts between commas, and libpq's options after semicolons.
func (d *Database) locatePostgres(text string) error {
	hosts, options, _ := strings.Cut(text, ";")
	d.Port = postgresPort
	for option := range strings.SplitSeq(options, ";") {
		key, value, _ := strings.Cut(option, "=")
		if err := d.setPostgresOption(strings.TrimSpace(key), strings.Trim(strings.TrimSpace(value), "'")); err != nil {
			return err
		}
	}
	return d.setPostgresHosts(strings.Split(hosts, ","))
}

// setPostgresHosts sets one host, or several, where those without a port take that of the last.
func (d *Database) setPostgresHosts(texts []string) error {
	var ends []endpoint
	for _, text := range texts {
		at, err := parseEndpoint(text)
		if err != nil {
			return err
		}
		ends = append(ends, at)
	}
	last := ends[len(ends)-1]
	d.Port = cmp.Or(last.port, d.Port)
	if len(ends) == 1 {
		d.Host, d.Socket = last.host, last.socket
		if port, ok := socketPort(last.socket); ok {
			d.Port = port
		}
		return nil
	}
	for _, at := range ends {
		d.Hosts = append(d.Hosts, net.JoinHostPort(cmp.Or(at.host, at.socket, "localhost"), strconv.Itoa(int(cmp.Or(at.port, d.Port)))))
	}
	return nil
}

// setPostgresOption takes one of libpq's connection options. Those that Nextcloud sets itself, later and so with effect, are passed over.
func (d *Database) setPostgresOption(key, value string) error {
	switch key {
	case "", "host", "user", "password", "dbname":
	case "port":
		port, err := parsePort(value)
		d.Port = cmp.Or(port, postgresPort)
		return err
	case "sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl":
		return d.TLS.setPostgres(key, value)
	default:
		if d.Options == nil {
			d.Options = map[string]string{}
		}
		d.Options[key] = value
	}
	return nil
}

// socketPort is the port in the name of a PostgreSQL socket, such as /run/postgresql/.s.PGSQL.5432.
func socketPort(path string) (uint16, bool) {
	digits, found := strings.CutPrefix(filepath.Base(path), ".s.PGSQL.")
	port, err := parsePort(digits)
	return port, found && err == nil
}

// endpoint is what one dbhost can say; a port of 0 means that none is written.
type endpoint struct {
	host   string
	port   uint16
	socket string
}

// parseEndpoint splits at the last colon that is not inside brackets, unless the whole is an IPv6 address: digits are a port, anything
// else is a socket. A path is a socket, too, and may have a port.
func parseEndpoint(text string) (endpoint, error) {
	text = strings.TrimSpace(text)
	if address, err := netip.ParseAddr(text); err == nil && address.Is6() {
		return endpoint{host: text}, nil
	}
	host, rest := text, ""
	if colon := strings.LastIndexByte(text, ':'); colon > strings.LastIndexByte(text, ']') {
		host, rest = text[:colon], text[colon+1:]
	}
	at := endpoint{host: strings.Trim(host, "[]")}
	if isDigits(rest) {
		port, err := parsePort(rest)
		if err != nil {
			return endpoint{}, err
		}
		at.port = port
	} else if rest != "" {
		return endpoint{socket: rest}, nil
	}
	if strings.HasPrefix(host, "/") {
		at.host, at.socket = "", host
	}
	return at, nil
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// mysqlTLS reads dbdriveroptions as PDO and mysqlnd do: TLS is on when one of the file or cipher options is there, whatever its value, and
// checks everything unless the option VERIFY is there and is false.
func mysqlTLS(options *php.Array) DatabaseTLS {
	tls := DatabaseTLS{Mode: TLSDisable}
	for key, field := range map[int64]*string{
		pdoMySQLKey: &tls.Key, pdoMySQLCert: &tls.Cert, pdoMySQLCA: &tls.CA, pdoMySQLCAPath: &tls.CAPath, pdoMySQLCipher: &tls.Cipher,
	} {
		if value, ok := options.Get(key); ok {
			*field = php.Text(value)
			tls.Mode = TLSVerifyFull
		}
	}
	if verify, ok := options.Get(int64(pdoMySQLVerify)); ok && tls.Mode != TLSDisable && php.Int(verify) == 0 {
		tls.Mode = TLSRequire
	}
	return tls
}

// applyPostgres reads pgsql_ssl.
func (t *DatabaseTLS) applyPostgres(settings *php.Array) error {
	for _, pair := range [][2]string{{"mode", "sslmode"}, {"rootcert", "sslrootcert"}, {"cert", "sslcert"}, {"key", "sslkey"}, {"crl", "sslcrl"}} {
		value, _ := settings.Get(pair[0])
		if text := php.Text(value); text != "" {
			if err := t.setPostgres(pair[1], text); err != nil {
				return err
			}
		}
	}
	return nil
}

// setPostgres takes one of libpq's TLS options.
func (t *DatabaseTLS) setPostgres(key, value string) error {
	switch key {
	case "sslmode":
		mode, err := parseSSLMode(value)
		t.Mode = mode
		return err
	case "sslrootcert":
		t.CA = value
	case "sslcert":
		t.Cert = value
	case "sslkey":
		t.Key = value
	case "sslcrl":
		t.CRL = value
	}
	return nil
}

// parseSSLMode takes libpq's modes. Its mode allow, plain first and TLS if the server insists, becomes prefer: the same servers are
// reached.
func parseSSLMode(text string) (string, error) {
	switch mode := strings.ToLower(text); mode {
	case "allow":
		return TLSPrefer, nil
	case TLSDisable, TLSPrefer, TLSRequire, TLSVerifyCA, TLSVerifyFull:
		return mode, nil
	}
	return "", fmt.Errorf("%q is not a TLS mode; write disable, prefer, require, verify-ca or verify-full", text)
}
