package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/errtext"
)

type serveCommand struct {
	ConfigFile string `arg:"" optional:"" help:"Path of Nextcloud's config.php. The *.config.php beside it are read, too."`
	settingFlags

	DumpConfig bool `help:"Print every setting and where it came from, without secrets, and exit."`
}

// Help is printed below the flags.
func (*serveCommand) Help() string {
	return `Exit status: 0 when it was asked to end, 1 when it could not go on, such as without a port, 2 for settings that cannot be used. For files that are not there yet, or not readable, it waits.`
}

func (c *serveCommand) Run(p *process, parsed *kong.Context) error {
	signal.Ignore(syscall.SIGPIPE) // of a log that nobody reads any more
	if isMistakenCommand(c.ConfigFile) {
		fmt.Fprintf(p.stderr, "notify_push: there is no command %s, nor a file of that name; commands are %s\n", c.ConfigFile, nameCommands(parsed.Model))
		return exitUsage
	}
	load := func(ctx context.Context) *config.Result {
		return loadProcess(ctx, c.ConfigFile, c.settingFlags)
	}
	hangUps := catchHangUps()
	defer signal.Stop(hangUps)
	drains := drainSignals()
	defer signal.Stop(drains)
	result := load(p.ctx)
	if c.DumpConfig {
		report := result.Report(false)
		printSettings(p.stdout, report.Settings)
		printRemarks(p.stdout, report)
		return nil
	}
	lines := newLogLines(p.stderr, func(missing int64) {
		newLogging(p.stderr, result.Settings.Log).Warn("log reader too slow: lines dropped", zap.Int64("lines", missing))
	})
	defer lines.close()
	log := newLogging(lines, result.Settings.Log)
	d := newDaemon(result.Settings, log)
	d.hangUps, d.drains = hangUps, drains
	if err := result.Err(); err != nil && !result.IsWrong {
		fmt.Fprintf(p.onlyStdout(), "notify_push: waiting: %s\n", errtext.PrintableLines(err.Error()))
	}
	if result = awaitSettings(p.ctx, load, d.manager, log.Logger); result == nil {
		return nil // asked to end before it began
	}
	if result.Err() != nil {
		c.refuse(p, result.Errors)
		return exitUnusable
	}
	for _, warning := range result.Warnings {
		log.Warn("configuration", zap.String("warning", warning))
	}
	logDotEnv(log.Logger, result)
	if err := inheritListeners(&result.Settings); err != nil {
		return err
	}
	if err := d.admit(result, load, lines); err != nil {
		return err
	}
	go runCollector(p.ctx, d.tenants)
	err := d.run(p.ctx)
	if err != nil {
		fmt.Fprintf(p.onlyStdout(), "notify_push: %s\n", errtext.PrintableLines(err.Error()))
	}
	return err
}

// admit makes what the process serves.
func (d *daemon) admit(result *config.Result, load func(context.Context) *config.Result, lines io.Writer) error {
	d.settings = result.Settings
	d.takeMonitor(result)
	if result.Settings.Hosting.Folder != "" {
		d.serveFolder(result, load, lines)
		return nil
	}
	_, err := d.serveOne(result, load)
	return err
}

// logDotEnv says which settings a file decides that somebody may have left in the working directory.
func logDotEnv(log *zap.Logger, result *config.Result) {
	if len(result.DotEnv) > 0 {
		log.Warn("variables come from the file .env in the working directory", zap.Strings("names", result.DotEnv))
	}
}

// refuse says what is wrong with the settings.
func (c *serveCommand) refuse(p *process, problems []string) {
	for _, problem := range problems {
		fmt.Fprintf(io.MultiWriter(p.stderr, p.onlyStdout()), "notify_push: %s\n", errtext.PrintableLines(problem))
	}
	if len(problems) > 1 {
		fmt.Fprintln(p.stderr, "notify_push: these settings cannot be used; notify_push check shows where each came from")
	}
}

// isMistakenCommand recognises what was meant as a command: a bare word, and no file is called so.
func isMistakenCommand(configFile string) bool {
	_, err := os.Stat(configFile)
	return configFile != "" && !strings.ContainsAny(configFile, "./") && errors.Is(err, fs.ErrNotExist)
}

func nameCommands(program *kong.Application) string {
	var names []string
	for _, command := range program.Children {
		if !command.Hidden {
			names = append(names, command.Name)
		}
	}
	return strings.Join(names, ", ")
}
