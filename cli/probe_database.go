package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
)

const (
	// slowQuery is how long the mapping query may take without a remark.
	slowQuery = 500 * time.Millisecond
	// queryTimeout is how long it may take: as long as in the server.
	queryTimeout = 10 * time.Second
)

// probeDatabase connects, and asks who sees a storage.
func probeDatabase(ctx context.Context, result *config.Result, report func(finding)) {
	options := result.Settings.Database
	if result.Sharding != "" {
		report(finding{"sharding", yellow, "dbsharding at " + result.Sharding + " is not supported: only one of the databases is read",
			"Changes of files in other databases' storages are not pushed, and clients see them when they poll; other pushes are not affected."})
	}
	mounts, err := storage.OpenMounts(options)
	if err == nil {
		defer mounts.Close()
		err = within(ctx, stepTimeout, mounts.Ping)
	}
	if err != nil {
		report(finding{"database", red, err.Error(), adviseDatabase(options)})
		return
	}
	report(finding{"database", green, "connected to " + options.String(), ""})
	report(probeMapping(ctx, mounts, options))
}

func adviseDatabase(options storage.DatabaseOptions) string {
	if options.Driver == storage.SQLite {
		return "The file is dbname.db in datadirectory of config.php, and readable for the web server's user: run the push server, and check, as that user."
	}
	return "Nextcloud's own settings, dbhost to dbpassword of config.php, are used as PHP does; --database-url overrules them."
}

// probeMapping asks for storage 0, which does not exist: it is the tables that matter.
func probeMapping(ctx context.Context, mounts *storage.Mounts, options storage.DatabaseOptions) finding {
	const name = "mapping query"
	const indices = "occ db:add-missing-indices adds an index that is missing; else the database is slow or far away."
	var empty bool
	begun := time.Now()
	err := within(ctx, queryTimeout, func(ctx context.Context) error {
		_, err := mounts.MountsOfStorages(ctx, []uint64{0})
		return err
	})
	took := time.Since(begun)
	if err == nil {
		err = within(ctx, queryTimeout, func(ctx context.Context) (err error) {
			empty, err = mounts.Empty(ctx)
			return err
		})
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return finding{name, red, err.Error(), indices}
	case err != nil:
		return finding{name, red, err.Error(), fmt.Sprintf(
			"There must be tables %[1]smounts and %[1]sfilecache that this user may read: --database-prefix, else dbtableprefix of config.php, says what their names begin with.", options.Prefix)}
	case empty:
		return finding{name, yellow, options.Prefix + "mounts is empty: no change of a file will be pushed",
			"That is so before anybody has logged in to Nextcloud. Otherwise Nextcloud uses other tables: compare the database's name and prefix, and dbsharding, with its config.php."}
	case took > slowQuery:
		return finding{name, yellow, fmt.Sprintf("%smounts can be read, but that took %v", options.Prefix, took.Round(time.Millisecond)), indices}
	default:
		return finding{name, green, fmt.Sprintf("%smounts can be read; that took %v", options.Prefix, took.Round(10*time.Microsecond)), ""}
	}
}

// within calls try with that much time.
func within(ctx context.Context, limit time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return try(ctx)
}
