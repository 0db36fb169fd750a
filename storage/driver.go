package storage

import (
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Driver connects to one kind of database. The packages storage/mysql, storage/postgres and storage/sqlite have one each,
// which they register when they are imported. Its methods must be safe for concurrent use.
type Driver interface {
	// Connector checks the options. It does not connect.
	Connector(DatabaseOptions) (driver.Connector, error)
	// Code is the code of an error that the database itself reported, else empty.
	Code(error) string
	// Advice says what to do about an error of the driver's own; empty where it knows nothing.
	Advice(DatabaseOptions, error) string
}

var (
	driversMu sync.RWMutex
	drivers   = map[string]Driver{} // guarded by driversMu; by DatabaseOptions.Driver
)

// RegisterDriver makes a driver known by its name, MySQL, Postgres or SQLite, in the place of one that was known by it.
// A program that uses ours does not call it, but imports the driver's package:
//
//	import _ "github.com/notifypush/notifypush/storage/postgres"
func RegisterDriver(name string, d Driver) {
	driversMu.Lock()
	defer driversMu.Unlock()
	drivers[name] = d
}

// driverOf returns the driver that the options name, or says how to get it.
func (o DatabaseOptions) driverOf() (Driver, error) {
	driversMu.RLock()
	d := drivers[o.Driver]
	driversMu.RUnlock()
	switch names := []string{MySQL, Postgres, SQLite}; {
	case d != nil:
		return d, nil
	case slices.Contains(names, o.Driver):
		return nil, fmt.Errorf("the database driver %q is not in this program: import _ %q", o.Driver, "github.com/notifypush/notifypush/storage/"+o.Driver)
	default:
		return nil, fmt.Errorf("the database driver %q is not one of %s", o.Driver, strings.Join(names, ", "))
	}
}

// serverCode is the code of an error that a database itself reported.
func serverCode(err error) string {
	driversMu.RLock()
	known := slices.Collect(maps.Values(drivers))
	driversMu.RUnlock()
	for _, d := range known {
		if code := d.Code(err); code != "" {
			return code
		}
	}
	return ""
}
