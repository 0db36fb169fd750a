package cli

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/notifypush/notifypush/config"
)

// readConfig is the command by which this program, where it runs as root, is started again with the rights of another user.
type readConfig struct{}

func (readConfig) Run(p *process) error {
	debug.SetMemoryLimit(checkMemoryLimit)
	return config.ServeRead(p.ctx, p.stdin, p.stdout)
}

// reader starts the command as others where it runs as root.
var reader = config.Reader{Arguments: []string{"read-config"}}

// loadSettings fills all settings of one Nextcloud, as each command does that needs some.
func loadSettings(ctx context.Context, configFile string, flags settingFlags) *config.Result {
	ofOne := reader
	ofOne.IgnoresInstances = true
	return ofOne.Load(ctx, configFile, flags.given(), os.LookupEnv)
}

// loadProcess fills the settings of a process, which may name a folder of several Nextclouds.
func loadProcess(ctx context.Context, configFile string, flags settingFlags) *config.Result {
	return reader.Load(ctx, configFile, flags.given(), os.LookupEnv)
}
