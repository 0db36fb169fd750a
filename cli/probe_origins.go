package cli

import (
	"context"

	"github.com/notifypush/notifypush/config"
)

// probeOrigins says when the web pages of any site may connect.
func probeOrigins(_ context.Context, result *config.Result, report func(finding)) {
	if result.AnyOrigin != "" {
		report(finding{"web pages", yellow, "those of any site may connect, and try passwords: " + result.AnyOrigin,
			"List the hosts of Nextcloud in --allowed-origins or ALLOWED_ORIGINS."})
	}
}
