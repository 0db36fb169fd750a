package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
)

// slowQuery is how long the mapping query may take without a remark.
const slowQuery = 500 * time.Millisecond

// probeDatabase connects, and asks who sees a storage.
func probeDatabase(settings config.Settings) probe {
	return func(ctx context.Context, report func(finding)) {
		options := databaseOptions(settings)
		mounts, err := storage.OpenMounts(options)
		if err == nil {
			defer mounts.Close()
			err = within(ctx, mounts.Ping)
		}
		if err != nil {
			report(finding{"database", red, err.Error(), adviseDatabase(options)})
			return
		}
		report(finding{"database", green, "connected to " + options.String(), ""})
		report(probeMapping(ctx, mounts, options))
	}
}

func adviseDatabase(options storage.DatabaseOptions) string {
	if options.Driver == storage.SQLite {
		return "The file is dbname.db in datadirectory of config.php, and readable for the web server's user: run the push server, and check, as that user."
	}
	return "Nextcloud's own settings, dbhost to dbpassword of config.php, are used as PHP does; --database-url overrules them."
}

// probeMapping asks for storage 0, which nobody has: it is the tables that matter.
func probeMapping(ctx context.Context, mounts *storage.Mounts, options storage.DatabaseOptions) finding {
	const name = "mapping query"
	begun := time.Now()
	err := within(ctx, func(ctx context.Context) error {
		_, err := mounts.MountsOfStorages(ctx, []uint64{0})
		return err
	})
	took := time.Since(begun)
	switch {
	case err != nil:
		return finding{name, red, err.Error(), fmt.Sprintf(
			"There must be tables %[1]smounts and %[1]sfilecache that this user may read: --database-prefix, else dbtableprefix of config.php, says what their names begin with.", options.Prefix)}
	case took > slowQuery:
		return finding{name, yellow, fmt.Sprintf("%smounts can be read, but that took %v", options.Prefix, took.Round(time.Millisecond)),
			"The database is slow or far away, or an index is missing: occ db:add-missing-indices."}
	default:
		return finding{name, green, fmt.Sprintf("%smounts can be read; that took %v", options.Prefix, took.Round(10*time.Microsecond)), ""}
	}
}

// within calls try with as much time as a step may take.
func within(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	return try(ctx)
}
