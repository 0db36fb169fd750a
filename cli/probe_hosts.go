package cli

import (
	"context"
	"fmt"

	"github.com/notifypush/notifypush/cli/instances"
)

// probeHosts says which names several instances claim.
func probeHosts(table *instances.Table) probe {
	return func(_ context.Context, report func(finding)) {
		for _, c := range table.Conflicts() {
			report(finding{"hosts", yellow, c.String(), fmt.Sprintf("Write INSTANCE_HOSTS=%s into the NAME.env of the one that it is.", c.Host)})
		}
	}
}

// probeNoHost says that an instance is served by its path alone.
func probeNoHost(name string) probe {
	return func(_ context.Context, report func(finding)) {
		report(finding{"hosts", yellow, fmt.Sprintf("no name leads to this instance; clients must name it in the path, as in /push/%s/ws", name),
			"Write INSTANCE_HOSTS=... into its NAME.env, or overwrite.cli.url into its config.php."})
	}
}
