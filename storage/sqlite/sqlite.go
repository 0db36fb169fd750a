// Package sqlite lets package storage use SQLite. Importing it is enough:
//
//	import _ "github.com/notifypush/notifypush/storage/sqlite"
package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite"

	"github.com/notifypush/notifypush/internal/paths"
	"github.com/notifypush/notifypush/storage"
)

func init() { storage.RegisterDriver(storage.SQLite, registered{}) }

// registered is a storage.Driver.
type registered struct{}

func (registered) Connector(options storage.DatabaseOptions) (driver.Connector, error) {
	return &connector{path: options.Path}, nil
}

func (registered) Code(error) string { return "" }

func (registered) Advice(o storage.DatabaseOptions, err error) string {
	if wal, ok := errors.AsType[*walError](err); ok {
		return wal.advice()
	}
	fault := paths.FolderFault(o.Path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return cmp.Or(fault, fmt.Sprintf("user %s may not read it", paths.ProcessUser())) + "; run the push server as the web server's user"
	case fault != "":
		return fault + "; check the path: dbname.db in datadirectory"
	case errors.Is(err, fs.ErrNotExist):
		return "check the path: dbname.db in datadirectory"
	case strings.Contains(err.Error(), "no such table"):
		return "check the table prefix and the file's path"
	}
	return ""
}

// connector opens a database that exists, and changes nothing in it.
type connector struct {
	driver sqlite.Driver
	path   string
}

// Connect looks at the file each time, because its journal mode and its owner may have changed.
func (c *connector) Connect(context.Context) (driver.Conn, error) {
	wal, err := inspect(c.path)
	if err != nil {
		return nil, err
	}
	mode := "ro"
	if wal {
		// The last connection to a WAL database deletes what SQLite puts beside it, which one that is
		// opened read-only leaves behind. query_only keeps it from writing into the database.
		mode = "rw"
	}
	file := url.URL{Scheme: "file", Path: c.path, RawQuery: url.Values{
		"mode": {mode},
		// Nextcloud may be writing. The version is read because SQLite opens nothing before the first query.
		"_pragma": {"busy_timeout(5000)", "query_only(1)", "schema_version"},
	}.Encode()}
	conn, err := c.driver.Open(file.String())
	if err != nil && wal {
		return nil, &walError{c.path, err}
	}
	return conn, err
}

// Driver is part of driver.Connector.
func (c *connector) Driver() driver.Driver { return &c.driver }

// inspect reports whether the database is in WAL mode, or why it must not be opened.
// https://www.sqlite.org/fileformat2.html#the_database_header
func inspect(path string) (wal bool, err error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, errors.New("this is a folder, or another thing that is no database file")
	}
	file, err := os.Open(path) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return false, err
	}
	defer file.Close()
	const magic, readVersion, walVersion = "SQLite format 3\x00", 19, 2
	header := make([]byte, readVersion+1)
	switch _, err := io.ReadFull(file, header); {
	case errors.Is(err, io.EOF): // a database without a table
		return false, nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return false, err
	case err != nil, string(header[:len(magic)]) != magic:
		return false, errors.New("this file is not an SQLite database")
	}
	wal = header[readVersion] == walVersion
	if wal {
		err = refuseForeignWAL(path, info)
	}
	return wal, err
}

// refuseForeignWAL keeps a process from opening a WAL database when the files -wal and -shm, which SQLite makes
// then, would be of a user whose files PHP may not write: Nextcloud would fail until they are deleted.
func refuseForeignWAL(path string, info fs.FileInfo) error {
	owner, _, ours := paths.Owner(info)
	folder, err := os.Stat(filepath.Dir(path))
	const groupWritable = 0o020
	switch {
	case ours, os.Geteuid() == 0: // SQLite gives what root makes to the database's owner
		return nil
	case err == nil && folder.Mode()&fs.ModeSetgid != 0 && info.Mode()&groupWritable != 0:
		return nil
	}
	return fmt.Errorf("the database is in WAL mode and belongs to user %s: the -wal and -shm files of user %s beside it would lock Nextcloud out; run as its owner: sudo -u %s",
		owner, paths.ProcessUser(), owner)
}

// walError is why a database in WAL mode could not be opened.
type walError struct {
	path string
	err  error
}

func (e *walError) Error() string { return e.err.Error() + "; the database is in WAL mode" }
func (e *walError) Unwrap() error { return e.err }

func (e *walError) advice() string {
	folder := filepath.Dir(e.path)
	return fmt.Sprintf("SQLite writes -wal and -shm files beside a database in WAL mode: make the folder %s writable for user %s, in a systemd unit by ReadWritePaths=%s, in a container by a mount without ro",
		folder, paths.ProcessUser(), folder)
}
