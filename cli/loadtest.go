package cli

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/notifypush/notifypush/loadtest"
)

type loadtestCommand struct {
	Scenarios []string `arg:"" optional:"" name:"scenario" help:"Scenarios: names, or files that end with .yaml; all runs the whole table. Without one, the names are listed."`

	ServerCmd  string `name:"server-cmd" help:"Starts the server to test, as a shell would; default: this program." placeholder:"'PATH ARGS'"`
	URL        string `name:"url" help:"Test a server that runs already: ws://host:port/ws." placeholder:"URL"`
	RedisURL   string `name:"redis-url" help:"The Redis of that server." placeholder:"URL"`
	MetricsURL string `name:"metrics-url" help:"The metrics of that server." placeholder:"URL"`
	ServerPID  int    `name:"server-pid" help:"The process of that server, to read its memory and CPU time." placeholder:"PID"`
	IOwn       bool   `name:"i-own-this-server" help:"Allow a server on another machine."`

	Clients int  `help:"How many clients, instead of what the scenario says." placeholder:"N"`
	Workers int  `help:"Spread the clients over so many processes." placeholder:"N"`
	JSON    bool `name:"json" help:"Print the report as JSON."`
}

func (c *loadtestCommand) Run(p *process) error {
	if len(c.Scenarios) == 0 {
		return c.list(p)
	}
	options, err := c.options()
	if err != nil {
		fmt.Fprintf(p.stderr, "notify_push loadtest: %v\n", err)
		return exitUsage
	}
	options.Progress = func(at loadtest.Progress) {
		fmt.Fprintf(p.stderr, "\r\x1b[K%s: %s  %d online  %.0f pushes/s  %.0f MiB  %.0f %% CPU", at.Scenario, at.Step,
			at.Sample.Online, at.Sample.Delivered, at.Sample.MemoryMiB, at.Sample.CPU)
	}
	report, err := loadtest.Run(p.ctx, options)
	fmt.Fprint(p.stderr, "\r\x1b[K")
	if c.JSON {
		encoder := json.NewEncoder(p.stdout)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(report)
	} else {
		for _, result := range report.Results {
			_ = result.WriteTable(p.stdout)
		}
	}
	return err
}

func (c *loadtestCommand) list(p *process) error {
	for _, name := range loadtest.Names() {
		scenario, err := loadtest.Load(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "%-10s%s\n", name, scenario.About)
	}
	return nil
}

func (c *loadtestCommand) options() (loadtest.Options, error) {
	options := loadtest.Options{
		ServerCommand:  c.ServerCmd,
		URL:            c.URL,
		RedisURL:       c.RedisURL,
		MetricsURL:     c.MetricsURL,
		PID:            c.ServerPID,
		IOwnThisServer: c.IOwn,
		Workers:        c.Workers,
	}
	self, err := os.Executable()
	if err != nil {
		return options, fmt.Errorf("find this program: %w", err)
	}
	options.HelperCommand = []string{self, "loadtest-helper"}
	if c.ServerCmd == "" && c.URL == "" {
		options.ServerCommand = "'" + self + "' serve"
	}
	for _, name := range c.Scenarios {
		scenario, err := loadtest.Load(name)
		if err != nil {
			return options, err
		}
		if c.Clients > 0 {
			scenario.Clients = c.Clients
		}
		options.Scenarios = append(options.Scenarios, scenario)
	}
	return options, nil
}

// loadtestHelper is a process that loadtest starts.
type loadtestHelper struct {
	Name string `arg:""`
}

func (c *loadtestHelper) Run() error { return loadtest.Help(c.Name) }

