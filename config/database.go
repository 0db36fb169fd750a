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

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config/php"
	"github.com/notifypush/notifypush/internal/setting"
	"github.com/notifypush/notifypush/storage"
)

// database is where Nextcloud's tables are, while that is being read. Host stays empty when Socket or Hosts is set, and Port is the driver's
// default when none is written.
type database storage.DatabaseOptions

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
func nextcloudDatabase(n *nextcloudConfig) (storage.DatabaseOptions, error) {
	name := n.text("dbname", "owncloud")
	switch kind := strings.ToLower(n.text("dbtype", "sqlite")); kind {
	case "sqlite", "sqlite3":
		return storage.DatabaseOptions{Driver: storage.SQLite, Name: name, Path: sqlitePath(n, name), TLS: storage.DatabaseTLS{Mode: storage.TLSDisable}}, nil
	case "mysql", "mariadb":
		d := database{Driver: storage.MySQL, Name: name, TLS: mysqlTLS(n.array("dbdriveroptions"))}
		return d.complete(n)
	case "pgsql", "postgresql", "postgres":
		d := database{Driver: storage.Postgres, Name: name, TLS: storage.DatabaseTLS{Mode: storage.TLSPrefer}}
		return d.complete(n)
	case "oci":
		return storage.DatabaseOptions{}, n.problem("dbtype", errors.New("databases of Oracle are not supported; MySQL, MariaDB, PostgreSQL and SQLite are"))
	default:
		return storage.DatabaseOptions{}, n.problem("dbtype", fmt.Errorf("%q is not a database that Nextcloud knows; write mysql, pgsql or sqlite3", kind))
	}
}

func sqlitePath(n *nextcloudConfig, name string) string {
	folder := n.text("datadirectory", "data")
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(n.root, folder)
	}
	return filepath.Join(folder, name+".db")
}

// complete fills in what MySQL and PostgreSQL have in common.
func (d *database) complete(n *nextcloudConfig) (storage.DatabaseOptions, error) {
	d.User = n.text("dbuser", "")
	d.Password = actors.Secret(n.text("dbpassword", ""))
	locate := d.locateMySQL
	if d.Driver == storage.Postgres {
		locate = d.locatePostgres
	}
	if err := locate(n.text("dbhost", "")); err != nil {
		return storage.DatabaseOptions{}, n.problem("dbhost", err)
	}
	if d.Driver == storage.Postgres {
		if err := applyPostgresTLS(&d.TLS, n.array("pgsql_ssl")); err != nil {
			return storage.DatabaseOptions{}, n.problem("pgsql_ssl", err)
		}
		if n.readAs != "" {
			// A server that another user names is not told what a file of root's says is its password: the one that dbhost names, or ~/.pgpass.
			d.setOption("passfile", "/dev/null/none") // which leads nowhere
		}
	}
	if port := n.optional("dbport"); port != "" && port != strconv.Itoa(int(d.Port)) {
		n.warn("%s: dbport %s is not used: Nextcloud does not read it; the port is %d, and dbhost can name another: 'host:port'", n.source("dbport"), port, d.Port)
	}
	return storage.DatabaseOptions(*d), nil
}

func (d *database) setOption(name, value string) {
	if d.Options == nil {
		d.Options = map[string]string{}
	}
	d.Options[name] = value
}

// locateMySQL takes dbhost apart as Nextcloud and mysqlnd do.
func (d *database) locateMySQL(text string) error {
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
func (d *database) locatePostgres(text string) error {
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
func (d *database) setPostgresHosts(texts []string) error {
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
func (d *database) setPostgresOption(key, value string) error {
	switch key {
	case "", "host", "user", "password", "dbname":
	case "port":
		port, err := setting.ParsePort(value)
		d.Port = cmp.Or(port, postgresPort)
		return err
	default:
		isTLS, err := d.TLS.SetParameter(key, value)
		if !isTLS {
			d.setOption(key, value)
		}
		return err
	}
	return nil
}

// socketPort is the port in the name of a PostgreSQL socket, such as /run/postgresql/.s.PGSQL.5432.
func socketPort(path string) (uint16, bool) {
	digits, found := strings.CutPrefix(filepath.Base(path), ".s.PGSQL.")
	port, err := setting.ParsePort(digits)
	return port, found && err == nil
}

// endpoint is what one dbhost can say; a port of 0 means that none is written.
type endpoint struct {
	host   string
	port   uint16
	socket string
}

// parseEndpoint takes digits behind the host for a port, and anything else for a socket, unless the whole is an IPv6 address. A path is a socket, too, and may have a port. Control characters at the ends stay, as PHP keeps them.
func parseEndpoint(text string) (endpoint, error) {
	text = strings.Trim(text, " ")
	if address, err := netip.ParseAddr(text); err == nil && address.Is6() {
		return endpoint{host: text}, nil
	}
	host, rest := cutPort(text)
	at := endpoint{host: strings.Trim(host, "[]")}
	if digits := strings.TrimSpace(rest); isDigits(digits) { // which is what PHP takes for a number
		port, err := setting.ParsePort(digits)
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

// cutPort splits at the last colon that is not inside brackets.
func cutPort(text string) (host, port string) {
	if colon := strings.LastIndexByte(text, ':'); colon > strings.LastIndexByte(text, ']') {
		return text[:colon], text[colon+1:]
	}
	return text, ""
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// mysqlTLS reads dbdriveroptions as PDO and mysqlnd do: TLS is on when one of the file or cipher options is there, whatever its value, and
// checks everything unless the option VERIFY is there and is false.
func mysqlTLS(options *php.Array) storage.DatabaseTLS {
	tls := storage.DatabaseTLS{Mode: storage.TLSDisable}
	for key, field := range map[int64]*string{
		pdoMySQLKey: &tls.Key, pdoMySQLCert: &tls.Cert, pdoMySQLCA: &tls.CA, pdoMySQLCAPath: &tls.CAPath, pdoMySQLCipher: &tls.Cipher,
	} {
		if value, ok := options.Get(key); ok {
			*field = php.Text(value)
			tls.Mode = storage.TLSVerifyFull
		}
	}
	if verify, ok := options.Get(int64(pdoMySQLVerify)); ok && tls.Mode != storage.TLSDisable && php.Int(verify) == 0 {
		tls.Mode = storage.TLSRequire
	}
	return tls
}

// applyPostgresTLS reads pgsql_ssl.
func applyPostgresTLS(tls *storage.DatabaseTLS, settings *php.Array) error {
	for _, name := range []string{"mode", "rootcert", "cert", "key", "crl"} {
		if text := php.Text(value(settings, name)); text != "" {
			if _, err := tls.SetParameter("ssl"+name, text); err != nil {
				return err
			}
		}
	}
	return nil
}
