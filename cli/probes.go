package cli

import "github.com/notifypush/notifypush/config"

// probes are what check tries with settings that can be used.
func probes(config.Settings) []probe { return nil }
