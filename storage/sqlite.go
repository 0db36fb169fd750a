package storage

import (
	"context"
	"database/sql/driver"
	"net/url"

	"modernc.org/sqlite"
)

// sqliteConnector opens a database that exists, for reading only.
type sqliteConnector struct {
	driver sqlite.Driver
	name   string
}

func newSQLite(options DatabaseOptions) driver.Connector {
	file := url.URL{Scheme: "file", Path: options.Path}
	query := url.Values{
		"mode":    {"ro"},
		"_pragma": {"query_only(1)", "busy_timeout(5000)"}, // Nextcloud may be writing
	}
	file.RawQuery = query.Encode()
	return &sqliteConnector{name: file.String()}
}

func (c *sqliteConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.name) }
func (c *sqliteConnector) Driver() driver.Driver                        { return &c.driver }
