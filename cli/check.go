package cli

import "errors"

type checkCommand struct {
	ConfigFile string `arg:"" optional:"" help:"Nextcloud's config.php."`
}

func (c *checkCommand) Run(p *process) error { return errors.New("check is not built yet") }
