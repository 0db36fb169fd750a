package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/storage"
)

// parseDatabaseURL reads DATABASE_URL and --database-url with the parameters that the daemon of the notify_push app takes.
func parseDatabaseURL(text string) (storage.DatabaseOptions, error) {
	if scheme, rest, _ := strings.Cut(strings.TrimSpace(text), ":"); scheme == "sqlite" || scheme == "sqlite3" {
		return parseSQLitePath(strings.TrimPrefix(rest, "//"))
	}
	parsed, err := parseAddress(text)
	if err != nil {
		return storage.DatabaseOptions{}, err
	}
	d := database{User: parsed.user, Password: actors.Secret(parsed.password), Name: parsed.path}
	for host := range strings.SplitSeq(parsed.host, ",") {
		if at, err := parseEndpoint(host); err != nil || at.socket != "" && !strings.HasPrefix(at.socket, "/") {
			return storage.DatabaseOptions{}, errAddress
		}
	}
	switch parsed.scheme {
	case "postgres", "postgresql":
		d.Driver = storage.Postgres
		err = d.applyPostgresURL(parsed)
	case "mysql", "mariadb":
		d.Driver = storage.MySQL
		err = d.applyMySQLURL(parsed)
	default:
		err = fmt.Errorf("%q is not a database that Nextcloud knows; the URL must begin with postgres://, mysql:// or sqlite: instead", parsed.scheme)
	}
	return storage.DatabaseOptions(d), err
}

func parseSQLitePath(text string) (storage.DatabaseOptions, error) {
	path, _, _ := strings.Cut(text, "?")
	if path == "" {
		return storage.DatabaseOptions{}, errors.New("it names no file; write sqlite:///path/owncloud.db")
	}
	return storage.DatabaseOptions{Driver: storage.SQLite, Path: unescape(path), TLS: storage.DatabaseTLS{Mode: storage.TLSDisable}}, nil
}

func (d *database) applyPostgresURL(parsed address) error {
	d.TLS.Mode, d.Port = storage.TLSPrefer, postgresPort
	hosts := strings.Split(parsed.host, ",")
	if host := parsed.query.Get("host"); host != "" {
		hosts = strings.Split(host, ",")
		if at, err := parseEndpoint(parsed.host); err == nil && at.port != 0 {
			d.Port = at.port
		}
	}
	parsed.query.Del("host")
	take(parsed.query, map[string]func(string){
		"user":     func(value string) { d.User = value },
		"password": func(value string) { d.Password = actors.Secret(value) },
		"dbname":   func(value string) { d.Name = value },
	})
	for _, key := range slices.Sorted(maps.Keys(parsed.query)) {
		if err := d.setPostgresOption(strings.ReplaceAll(key, "-", ""), parsed.query.Get(key)); err != nil {
			return err
		}
	}
	return d.setPostgresHosts(hosts)
}

// mysqlModes are MySQL's words for how far TLS goes.
var mysqlModes = map[string]string{
	"DISABLED": storage.TLSDisable, "PREFERRED": storage.TLSPrefer, "REQUIRED": storage.TLSRequire, "VERIFY_CA": storage.TLSVerifyCA, "VERIFY_IDENTITY": storage.TLSVerifyFull,
}

func (d *database) applyMySQLURL(parsed address) error {
	if err := d.locateMySQL(parsed.host); err != nil {
		return err
	}
	if d.Name == "" {
		return errors.New("it names no database; write mysql://USER:PASSWORD@HOST/DATABASE")
	}
	d.TLS.Mode = storage.TLSPrefer
	for _, key := range []string{"ssl-mode", "sslmode"} {
		value := strings.ToUpper(parsed.query.Get(key))
		mode, known := mysqlModes[strings.ReplaceAll(value, "-", "_")]
		if value != "" && !known {
			return fmt.Errorf("ssl-mode %q is not known; write DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY", value)
		}
		d.TLS.Mode = cmp.Or(mode, d.TLS.Mode)
		parsed.query.Del(key)
	}
	take(parsed.query, map[string]func(string){
		"socket":   func(value string) { d.Socket, d.Host = value, "" },
		"ssl-ca":   func(value string) { d.TLS.CA = value },
		"ssl-cert": func(value string) { d.TLS.Cert = value },
		"ssl-key":  func(value string) { d.TLS.Key = value },
	})
	for key := range parsed.query {
		d.setOption(key, parsed.query.Get(key))
	}
	return nil
}

// take hands on parameters that are there, and removes them.
func take(query url.Values, setters map[string]func(string)) {
	for key, set := range setters {
		if query.Has(key) {
			set(query.Get(key))
			query.Del(key)
		}
	}
}
