//go:build !server

package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/notifypush/notifypush/loadtest"
	"github.com/notifypush/notifypush/loadtest/report"
)

type loadtestCommand struct {
	Scenarios []string `arg:"" optional:"" name:"scenario" help:"Names of scenarios, or files that end with .yaml; all stands for those of the table of targets. Without any, they are listed."`

	ServerCmd string          `name:"server-cmd" xor:"server" help:"Starts the server to test, as a shell would. It gets its settings as environment variables. Default: this program." placeholder:"'PATH ARGS'"`
	Compare   comparedServers `name:"compare" xor:"server" help:"Test two servers alternately: --compare 'A=PATH ARGS' 'B=PATH ARGS'." placeholder:"'NAME=PATH ARGS'"`
	Balancer  string          `name:"balancer-cmd" help:"Starts a balancer of the servers, as a shell would, with their addresses in NODE_1 and so on. Default: clients go to the servers in turn." placeholder:"'PATH ARGS'"`
	Rounds    int             `help:"How often to run each scenario; default 1, or 3 to compare." placeholder:"N"`

	URL        []string `name:"url" sep:"none" xor:"server" help:"Test a server that runs already: ws://host:port/ws. Repeated: several of one Nextcloud, to which clients go in turn." placeholder:"URL"`
	RedisURL   string   `name:"redis-url" help:"The Redis of that server." placeholder:"URL"`
	MetricsURL []string `name:"metrics-url" sep:"none" help:"The metrics of that server. Repeated: one for each that --url names, or that are behind it." placeholder:"URL"`
	ServerPID  []int    `name:"server-pid" help:"The process of that server, to read its memory and CPU time. Repeated like --metrics-url." placeholder:"PID"`
	IOwn       bool     `name:"i-own-this-server" help:"Allow a server on another machine. Without this, only this machine is ever put under load."`

	Nodes   int      `help:"How many servers of one command side by side, instead of what the scenario says." placeholder:"N"`
	Clients int      `help:"How many clients, instead of what the scenario says." placeholder:"N"`
	For     duration `help:"How long the longest step lasts, instead of what the scenario says: seconds, or a form like 2h." placeholder:"TIME"`
	Workers int      `help:"Spread the clients over so many processes." placeholder:"N"`
	Busy    int      `help:"Keep so many CPUs busy with other work." placeholder:"N"`
	JSON    bool     `name:"json" help:"Print the report as JSON."`
	Report  string   `help:"Write the report with plots as one HTML page." placeholder:"FILE.html"`
}

// Help is printed below the flags.
func (*loadtestCommand) Help() string {
	return `Starts a server with a Redis, a database and a Nextcloud of its own, connects thousands of simulated clients to it, and measures what a scenario does to it. docs/loadtest.md says what the figures mean.

Exit status: 0 when everything was measured, whatever the figures are, 1 when something failed, 2 for arguments that do not fit.`
}

func (c *loadtestCommand) Run(p *process) error {
	if len(c.Scenarios) == 0 {
		return listScenarios(p.stdout)
	}
	options, err := c.options()
	if err == nil {
		err = options.Check(p.ctx)
	}
	if err == nil {
		err = c.checkReport()
	}
	if err != nil {
		return p.misused("loadtest", fmt.Errorf("%w; see notify_push loadtest --help", err))
	}
	bar := newLoadtestBar(p.stderr, len(options.Servers) > 1 || options.Rounds > 1)
	options.Progress = bar.show
	result, err := loadtest.Run(p.ctx, options)
	bar.clear()
	if len(result.Results) == 0 {
		return err
	}
	return errors.Join(err, c.print(p.stdout, result), c.writePage(result))
}

func listScenarios(w io.Writer) error {
	for _, name := range loadtest.Names() {
		scenario, err := loadtest.Load(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%-10s%s\n", name, scenario.About)
	}
	fmt.Fprintf(w, "%-10sThose of them that the table of targets needs, and the table.\n", allScenarios)
	return nil
}

func (c *loadtestCommand) print(w io.Writer, result *report.Report) error {
	if c.JSON {
		return result.WriteJSON(w)
	}
	for _, one := range result.Results {
		if err := one.WriteTable(w); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	if err := result.WriteComparison(w); err != nil {
		return err
	}
	return report.WriteTargets(w, result.Table())
}

// checkReport returns an error when the report cannot be written, before hours of measuring. It keeps what the file holds.
func (c *loadtestCommand) checkReport() error {
	if c.Report == "" {
		return nil
	}
	file, err := os.OpenFile(c.Report, os.O_WRONLY|os.O_CREATE, 0o666) //nolint:gosec // G302: as os.Create has it, because a report is no secret
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return file.Close()
}

func (c *loadtestCommand) writePage(result *report.Report) error {
	if c.Report == "" {
		return nil
	}
	file, err := os.Create(c.Report)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return errors.Join(result.WritePage(file), file.Close())
}

const allScenarios = "all"

func (c *loadtestCommand) options() (loadtest.Options, error) {
	options := loadtest.Options{
		Balancer:       c.Balancer,
		RedisURL:       c.RedisURL,
		IOwnThisServer: c.IOwn,
		Workers:        c.Workers,
		Busy:           c.Busy,
		Rounds:         c.Rounds,
	}
	self, err := os.Executable()
	if err != nil {
		return options, fmt.Errorf("find this program: %w", err)
	}
	options.HelperCommand = []string{self, "loadtest-helper"}
	if err := c.addServers(&options, self); err != nil {
		return options, err
	}
	if err := c.addRunning(&options); err != nil {
		return options, err
	}
	durationSet := c.For == 0
	for _, name := range c.names() {
		scenario, err := loadtest.Load(name)
		if err != nil {
			return options, err
		}
		if c.Clients != 0 {
			scenario.Clients = c.Clients
		}
		if c.Nodes != 0 {
			scenario.Nodes = c.Nodes
		}
		if c.For > 0 && scenario.SetDuration(time.Duration(c.For)) {
			durationSet = true
		}
		options.Scenarios = append(options.Scenarios, scenario)
	}
	if !durationSet {
		return options, errors.New("--for: no step has a duration that could be changed: how long they take is up to the server")
	}
	return options, nil
}

// names has the scenarios that all stands for in its place.
func (c *loadtestCommand) names() (names []string) {
	for _, name := range c.Scenarios {
		if name == allScenarios {
			names = append(names, report.TargetScenarios()...)
		} else {
			names = append(names, name)
		}
	}
	return names
}

const comparedRounds = 3

func (c *loadtestCommand) addServers(options *loadtest.Options, self string) error {
	switch {
	case len(c.URL) > 0 && c.RedisURL == "":
		return errors.New("--url needs --redis-url: events are published at the server's Redis")
	case len(c.URL) > 0:
	case c.ServerCmd != "":
		options.Servers = []loadtest.Server{{Command: c.ServerCmd}}
	case len(c.Compare) == 0:
		options.Servers = []loadtest.Server{{Label: "notify_push", Command: "exec '" + strings.ReplaceAll(self, "'", `'\''`) + `' serve "$CONFIG_FILE"`}}
	case len(c.Compare) == 1:
		return errors.New("--compare needs two servers: --compare 'A=PATH ARGS' 'B=PATH ARGS'")
	}
	options.Servers = append(options.Servers, c.Compare...)
	if len(c.Compare) > 0 && c.Rounds == 0 {
		options.Rounds = comparedRounds
	}
	return nil
}

// addRunning says where servers run already: one, or several, which one --url is the balancer of.
func (c *loadtestCommand) addRunning(options *loadtest.Options) error {
	urls := c.URL
	if len(urls) == 1 {
		options.URL, urls = urls[0], nil
	}
	nodes := make([]loadtest.Node, max(len(urls), len(c.MetricsURL), len(c.ServerPID)))
	for i := range nodes {
		nodes[i] = loadtest.Node{URL: at(urls, i), MetricsURL: at(c.MetricsURL, i), PID: at(c.ServerPID, i)}
	}
	for _, given := range []int{len(urls), len(c.MetricsURL), len(c.ServerPID)} {
		if given != 0 && given != len(nodes) {
			return fmt.Errorf("%d of --url, %d of --metrics-url and %d of --server-pid: give each server its own, or none", len(c.URL), len(c.MetricsURL), len(c.ServerPID))
		}
	}
	if len(nodes) == 1 {
		options.MetricsURL, options.PID = nodes[0].MetricsURL, nodes[0].PID
	} else {
		options.Fleet = nodes
	}
	return nil
}

// at is a value of a list, or the zero value beyond its end.
func at[T any](list []T, i int) (value T) {
	if i < len(list) {
		value = list[i]
	}
	return value
}

// comparedServers is a flag with several values, each NAME=COMMAND.
type comparedServers []loadtest.Server

// Decode takes what follows the flag as long as it has the form of a server.
func (s *comparedServers) Decode(ctx *kong.DecodeContext) error {
	for first := true; first || strings.Contains(ctx.Scan.Peek().String(), "=") && ctx.Scan.Peek().IsValue(); first = false {
		var value string
		if err := ctx.Scan.PopValueInto("server", &value); err != nil {
			return err
		}
		label, command, ok := strings.Cut(value, "=")
		if !ok || label == "" || command == "" {
			return fmt.Errorf("%q is not like 'NAME=PATH ARGS'", value)
		}
		*s = append(*s, loadtest.Server{Label: label, Command: command})
	}
	return nil
}

// loadtestBar shows a person how far a load test has come.
type loadtestBar struct {
	*progressbar.ProgressBar
	rounds bool // a scenario runs more than once
	step   string
}

const barSteps = 1000

// newLoadtestBar shows nothing when w is no terminal.
func newLoadtestBar(w io.Writer, rounds bool) *loadtestBar {
	if file, ok := w.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		w = io.Discard
	}
	return &loadtestBar{rounds: rounds, ProgressBar: progressbar.NewOptions(barSteps,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionFullWidth(),
	)}
}

func (b *loadtestBar) show(at loadtest.Progress) {
	if step := fmt.Sprint(at.Scenario, at.Server, at.Round, at.Sample.Step); step != b.step {
		b.step = step
		b.Reset()
	}
	turn := at.Scenario
	if b.rounds {
		turn = fmt.Sprintf("%s, %s, round %d", at.Scenario, at.Server, at.Round)
	}
	b.Describe(fmt.Sprintf("%s, %s: %d online, %.0f logins/s, %.0f pushes/s, server %.0f MiB, %.0f %% CPU", turn,
		at.Sample.Step, at.Sample.Online, at.Sample.LoginsPerSecond, at.Sample.Delivered, at.Sample.MemoryMiB, at.Sample.CPU))
	if at.Share >= 0 {
		_ = b.Set(int(at.Share * barSteps))
	}
}

func (b *loadtestBar) clear() { _ = b.Clear() }

// loadtestHelper is a process that loadtest starts.
type loadtestHelper struct {
	Name string `arg:""`
}

func (c *loadtestHelper) Run() error { return loadtest.Help(c.Name) }
