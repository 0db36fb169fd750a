package cli

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/notifypush/notifypush/config"
	"go.uber.org/zap"
)

type serveCommand struct {
	config.Flags

	DumpConfig bool `help:"Print every setting and where it came from, without secrets, and exit."`
}

func (c *serveCommand) Run(p *process) error {
	result := config.Load(p.ctx, c.Flags, os.LookupEnv)
	if c.DumpConfig {
		printSettings(p.stdout, result.Report(false))
		return nil
	}
	if err := result.Err(); err != nil {
		for _, problem := range result.Errors {
			fmt.Fprintf(p.stderr, "notify_push: %s\n", problem)
		}
		fmt.Fprintln(p.stderr, "notify_push: these settings cannot be used; notify_push check shows all of them")
		return exitUnusable
	}
	go runCollector(p.ctx)
	signal.Ignore(syscall.SIGHUP) // of a terminal that is closed

	log := newLogging(p.stderr, result.Settings)
	defer func() { _ = log.Sync() }()
	for _, warning := range result.Warnings {
		log.Warn("configuration", zap.String("warning", warning))
	}
	d, err := newDaemon(result.Settings, log)
	if err != nil {
		return err
	}
	return d.run(p.ctx)
}
