package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/internal/errtext"
	"github.com/notifypush/notifypush/internal/paths"
)

type checkCommand struct {
	ConfigFile string `arg:"" optional:"" help:"Path of Nextcloud's config.php. The *.config.php beside it are read, too."`
	settingFlags

	Offline     bool `help:"Resolve the settings only, and connect to nothing."`
	JSON        bool `name:"json" help:"Print one JSON object."`
	NoProbe     bool `help:"Do not ask Nextcloud whether it trusts this machine as a proxy, for which Redis may have to hold a token for a moment."`
	ShowSecrets bool `help:"Show passwords instead of ***."`
}

// Help is printed below the flags.
func (*checkCommand) Help() string {
	return `Reads the settings as the server does, and tries everything that it needs, with one line for each: green is fine, yellow works but deserves a look, red does not work. It may run beside the server, and leaves nothing changed: where Redis has no token of a self test, it sets one for a moment, to ask Nextcloud whether it trusts this machine as a proxy.

With --instances, each instance of the folder is tried, and which names lead to it.

Exit status: 0 when nothing is red, 1 when something is, or an instance's settings cannot be used, 2 when the server could not start with these settings.`
}

// Exit statuses of check.
const (
	exitProbeFailed  exitStatus = 1
	exitUnusable     exitStatus = 2
	checkMemoryLimit            = 32 << 20 // a hostile config.php is evaluated in bounds; this makes the collector keep to them
)

// checkReport is what check --json prints.
type checkReport struct {
	tried
	User      string                     `json:"user"`                // whose permissions count in what follows
	Instances map[string]*instanceReport `json:"instances,omitempty"` // with --instances
}

// tried are settings, and what came of trying them.
type tried struct {
	config.Report
	ReadAs string    `json:"read_as,omitempty"` // with whose permissions config.php was read, where that is another user
	Probes []finding `json:"probes,omitempty"`
}

func (c *checkCommand) newTried(result *config.Result) tried {
	return tried{Report: result.Report(c.ShowSecrets), ReadAs: result.ReadAs}
}

func (c *checkCommand) Run(p *process) error {
	debug.SetMemoryLimit(checkMemoryLimit)
	result := loadProcess(p.ctx, c.ConfigFile, c.settingFlags)
	if result.Settings.Hosting.Folder != "" {
		return c.checkInstances(p, result)
	}
	report := checkReport{tried: c.newTried(result), User: paths.ProcessUser()}
	if !c.JSON {
		printSettings(p.stdout, report.withoutDefaults())
		fmt.Fprintln(p.stdout, "All other settings have their defaults; --json shows them, too.")
		printRemarks(p.stdout, report.Report)
	}
	isTried := !c.Offline && result.Err() == nil
	if uid := os.Geteuid(); !c.JSON && (isTried || uid == 0) {
		fmt.Fprintf(p.stdout, "\n%s\n", c.asWhom(uid))
	}
	if isTried {
		report.Probes = c.probe(p, result, append(c.instanceProbes(), processProbes...)...)
	}
	return c.finish(p, report)
}

// finish prints what it comes to, and returns the exit status.
func (c *checkCommand) finish(p *process, report checkReport) error {
	if !c.JSON {
		fmt.Fprintf(p.stdout, "\n%s\n", report.summary(c.Offline))
		return report.status()
	}
	encoder := json.NewEncoder(errtext.JSONWriter(p.stdout))
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(report); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return report.status()
}

// probe tries everything, one after the other, and prints what it finds as it goes.
func (c *checkCommand) probe(p *process, result *config.Result, probes ...probe) []finding {
	var findings []finding
	paint := painter(p.stdout, result.Settings.Log.NoANSI)
	for _, probe := range probes {
		probe(p.ctx, result, func(f finding) {
			f.Detail, f.Advice = onOneLine(f.Detail), onOneLine(f.Advice)
			findings = append(findings, f)
			if !c.JSON {
				printFinding(p.stdout, f, paint)
			}
		})
	}
	return findings
}

// asWhom says whose permissions are tried; root has them all.
func (c *checkCommand) asWhom(uid int) string {
	user := paths.ProcessUser()
	if uid != 0 {
		return "Tried as user " + user + ":"
	}
	server := "www-data"
	if info, err := os.Stat(c.ConfigFile); err == nil {
		if owner, _, ours := paths.Owner(info); !ours && owner != "" {
			server = owner
		}
	}
	return fmt.Sprintf("This runs as user %s, whom no permission stops; the server's own user may be stopped: sudo -u %s notify_push check tries as that one.", user, server)
}

// status is nil when everything is usable and nothing is red.
func (r checkReport) status() error {
	switch {
	case len(r.Errors) > 0:
		return exitUnusable
	case r.count(red) > 0 || r.broken() > 0:
		return exitProbeFailed
	default:
		return nil
	}
}

// broken is how many instances cannot be served, or not as they should.
func (r checkReport) broken() (n int) {
	for _, one := range r.Instances {
		if len(one.Errors) > 0 || one.count(red) > 0 {
			n++
		}
	}
	return n
}

func (r tried) count(s status) (n int) {
	for _, f := range r.Probes {
		if f.Status == s {
			n++
		}
	}
	return n
}
