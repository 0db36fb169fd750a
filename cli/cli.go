// Package cli is the command line of notify_push: one file a command.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	mangokong "github.com/alecthomas/mango-kong"
	"github.com/willabides/kongplete"
	"golang.org/x/term"

	"github.com/notifypush/notifypush/internal/errtext"
)

// commandLine is what may be written after notify_push. Without a command, it serves.
type commandLine struct {
	Serve serveCommand `cmd:"" default:"withargs" help:"Serve: take events from Redis and push them to clients. This is what runs when no command is named."`

	tools

	Check       checkCommand       `cmd:"" help:"Show every setting and where it came from, and try the connections."`
	Listen      listenCommand      `cmd:"" help:"Receive pushes as a client does, and print them."`
	Send        sendCommand        `cmd:"" help:"Publish an event as Nextcloud does, and say how many servers got it."`
	Doctor      doctorCommand      `cmd:"" help:"Go the whole way of a client from outside, and say what is wrong and which lines to change."`
	Status      statusCommand      `cmd:"" help:"Ask a running server how it is: health, dependencies, rates."`
	Clients     clientsCommand     `cmd:"" help:"Ask a running server who is connected, and with which client."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask a running server for its health, for containers."`
	ReadConfig  readConfig         `cmd:"" hidden:""`

	Version bool              `help:"Print the version and exit."`
	Man     mangokong.ManFlag `hidden:"" help:"Print the man page and exit."`
}

// process is what a command may use of the process it runs in.
type process struct {
	ctx            context.Context // ended by SIGINT and SIGTERM; a second signal ends the process at once
	stdin          io.Reader
	stdout, stderr io.Writer
}

// onlyStdout writes to standard output where standard error leads elsewhere: the app's setup wizard and OpenRC keep nothing else of a
// failure. On a terminal, and where both are one file, it writes nowhere.
func (p *process) onlyStdout() io.Writer {
	out, isFile := p.stdout.(*os.File)
	aside, areFiles := p.stderr.(*os.File)
	if !isFile || !areFiles || term.IsTerminal(int(out.Fd())) {
		return io.Discard
	}
	first, err := out.Stat()
	second, err2 := aside.Stat()
	if err != nil || err2 != nil || os.SameFile(first, second) {
		return io.Discard
	}
	return out
}

// misused says why a command cannot do what it was asked for, and returns the exit status.
func (p *process) misused(command string, why error) error {
	fmt.Fprintf(p.stderr, "notify_push %s: %v\n", command, why)
	return exitUsage
}

// exitStatus ends the process with that status and no message; the command has said what is wrong.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// version is set by the linker: -X github.com/notifypush/notifypush/cli.version=1.2.3
var version = ""

// Version is this server's own version, without a leading v: what the linker was given, else what go build knows of the checkout. The app is
// sent its own version instead, because it accepts no other.
func Version() string {
	if version != "" {
		return version
	}
	build, _ := debug.ReadBuildInfo()
	return versionOf(build)
}

// versionOf is the module's version, which go build makes of the last tag and the commit; else the commit alone; else "0.0.0", as with go run.
func versionOf(build *debug.BuildInfo) string {
	const unknown = "0.0.0"
	if build == nil {
		return unknown
	}
	if release, found := strings.CutPrefix(build.Main.Version, "v"); found {
		return release
	}
	for _, known := range build.Settings {
		if known.Key == "vcs.revision" {
			return unknown + "-" + known.Value[:min(len(known.Value), 12)]
		}
	}
	return unknown
}

// Main runs the command that arguments name and returns the exit status: 0, or 1 for a failure, or 2 for settings that cannot be used
// and a command line that cannot be read. Arguments do not include the program's name.
func Main(arguments []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	err := run(&process{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr}, arguments)
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	default:
		fmt.Fprintf(stderr, "notify_push: %s\n", errtext.PrintableLines(err.Error()))
		return 1
	}
}

func run(p *process, arguments []string) error {
	var line commandLine
	helped := false
	parser, err := newParser(&line, p, func(int) { helped = true })
	if err != nil {
		return fmt.Errorf("declare the command line: %w", err)
	}
	completed := false
	kongplete.Complete(parser, kongplete.WithExitFunc(func(int) { completed = true })) // where a shell asks for it
	if completed {
		return nil
	}
	parsed, err := parser.Parse(asFlags(arguments))
	switch {
	case helped:
		return nil
	case err != nil:
		fmt.Fprintf(p.stderr, "notify_push: %s; see %s --help\n", errtext.Printable(maskURLs(err.Error())), commandOf(err))
		return exitUsage
	case line.Version:
		_, err := fmt.Fprintf(p.stdout, "notify_push %s\n", Version())
		return err
	}
	return parsed.Run()
}

// urlAfterScheme is where a URL may hold a password.
var urlAfterScheme = regexp.MustCompile(`://[^ ]*`)

// maskURLs hides what may be a password in an argument that is repeated.
func maskURLs(text string) string { return urlAfterScheme.ReplaceAllString(text, "://***") }

// asFlags lets help and version be written as commands, too: help send is send --help.
func asFlags(arguments []string) []string {
	switch {
	case len(arguments) == 0:
		return nil
	case arguments[0] == "help":
		return append(slices.Clone(arguments[1:]), "--help")
	case len(arguments) == 1 && arguments[0] == "version":
		return []string{"--version"}
	default:
		return arguments
	}
}

// commandOf is the command whose help an error of the command line calls for.
func commandOf(err error) string {
	if failure, ok := errors.AsType[*kong.ParseError](err); ok && failure.Context.Selected() != nil {
		return failure.Context.Selected().FullPath()
	}
	return "notify_push"
}

// newParser returns what reads arguments into line. exit is called when they asked for help, which has been printed then.
func newParser(line *commandLine, p *process, exit func(int)) (*kong.Kong, error) {
	line.Serve.settingFlags = newSettingFlags(everySetting)
	line.Check.settingFlags = newSettingFlags(everySetting)
	line.Send.settingFlags = newSettingFlags(redisSetting)
	line.Doctor.settingFlags = newSettingFlags(redisSetting)
	line.Healthcheck.settingFlags = newSettingFlags(monitorSetting)
	line.Status.settingFlags = newSettingFlags(monitorSetting)
	line.Clients.settingFlags = newSettingFlags(monitorSetting)
	return kong.New(line,
		kong.Name("notify_push"),
		kong.Description("A push server for Nextcloud. notify_push CONFIG_FILE serves; notify_push serve --help lists every setting."),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(exit),
		kong.NamedMapper("switch", switchMapper{}),
		kong.Bind(p),
	)
}
