package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/notifypush/notifypush/cli/instances"
	"github.com/notifypush/notifypush/config"
)

// probeHosts says which names several instances claim.
func probeHosts(table *instances.Table) probe {
	return func(_ context.Context, _ *config.Result, report func(finding)) {
		for _, c := range table.Conflicts() {
			report(finding{"hosts", yellow, c.String(), fmt.Sprintf("Write INSTANCE_HOSTS=%s into the NAME.env of the one that it is.", c.Host)})
		}
	}
}

// probeHostsOf says which names lead to an instance; without any it is served by its path alone.
func probeHostsOf(name string, hosts []string) probe {
	return func(_ context.Context, _ *config.Result, report func(finding)) {
		if len(hosts) > 0 {
			report(finding{"hosts", green, "these names lead here: " + strings.Join(hosts, ", "), ""})
			return
		}
		report(finding{"hosts", yellow, fmt.Sprintf("no name leads to this instance; clients must name it in the path, as in /push/%s/ws", name),
			"Write INSTANCE_HOSTS=... into its NAME.env, or overwrite.cli.url into its config.php."})
	}
}
