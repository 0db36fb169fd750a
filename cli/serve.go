package cli

import "errors"

type serveCommand struct {
	ConfigFile string `arg:"" optional:"" help:"Nextcloud's config.php."`
}

func (c *serveCommand) Run(p *process) error { return errors.New("serve is not built yet") }
