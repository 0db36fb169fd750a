package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"

	"github.com/notifypush/notifypush/cli/doctor"
	"github.com/notifypush/notifypush/internal/errtext"
	"github.com/notifypush/notifypush/storage"
)

type doctorCommand struct {
	URL      string `arg:"" name:"url" help:"Nextcloud's public address, https://..."`
	User     string `arg:"" help:"Login name."`
	Password string `arg:"" optional:"" env:"NOTIFY_PUSH_PASSWORD" help:"Password, or better an app password. - reads it from standard input. Otherwise it is taken from NOTIFY_PUSH_PASSWORD, or asked for."`

	PreAuth         bool   `help:"Log in at the push server with a token that Nextcloud makes, as its web pages do."`
	Quick           bool   `help:"Leave out what takes a minute: whether a silent connection is cut by a proxy's timeout."`
	AllowSelfSigned bool   `help:"Go on with any certificate."`
	JSON            bool   `name:"json" help:"Print one JSON object a line for each finding."`
	Config          string `placeholder:"FILE" help:"Path of Nextcloud's config.php, on the machine that has it: publishes an event to Redis and waits for it, and asks whom Nextcloud takes for the client."`
	settingFlags
}

// Help is printed below the flags.
func (*doctorCommand) Help() string {
	return `Goes the whole way that a client goes, from outside: name, certificate, Nextcloud, reverse proxy, websocket, login, an event, silence, close. Each finding names its cause, and the lines to change in nginx, Apache, Caddy, HAProxy or Traefik. The output holds no secrets and can be pasted into a bug report.

Exit status: 0 when nothing is red, 1 when something is, 2 for arguments that do not fit.`
}

func (c *doctorCommand) Run(p *process) error {
	password, err := readPassword(p, c.Password)
	if err != nil {
		return p.misused("doctor", err)
	}
	options := doctor.Options{URL: c.URL, User: c.User, Password: password, PreAuth: c.PreAuth, AllowSelfSigned: c.AllowSelfSigned, Quick: c.Quick}
	if c.Config != "" || c.given()["redis-url"] != nil {
		settings, err := loadRedis(p, c.Config, c.settingFlags)
		if err != nil {
			return p.misused("doctor", err)
		}
		redis, err := storage.NewRedis(settings.Redis)
		if err != nil {
			return err
		}
		defer redis.Close()
		options.Publish = redis.Publish
		options.Token = func(ctx context.Context) (string, func(), error) {
			token, _, giveBack, err := borrowToken(ctx, settings.Redis)
			return token, giveBack, err
		}
		options.AdviseTrust = func(address string) string {
			seen, err := netip.ParseAddr(address)
			if err != nil || c.Config == "" || isTrustedProxy(seen, settings.Instance.TrustedProxies) {
				return ""
			}
			return adviseProxy(settings, seen)
		}
		if settings.Listen.SocketPath == "" {
			options.PushServer = fmt.Sprintf("127.0.0.1:%d", settings.Listen.Port)
		}
	}
	if !c.JSON {
		fmt.Fprintf(p.stdout, "notify_push doctor %s, %s/%s\n", Version(), runtime.GOOS, runtime.GOARCH)
	}
	printer := &doctorPrinter{out: p.stdout, paint: painter(p.stdout, false), json: c.JSON}
	options.Report = printer.report
	if file, ok := p.stderr.(*os.File); ok && !c.JSON && term.IsTerminal(int(file.Fd())) {
		printer.terminal = file
		options.Progress = printer.progress
	}
	doctor.Run(p.ctx, options)
	return printer.summary()
}

// doctorPrinter prints findings as they come, and on a terminal what is being done below them.
type doctorPrinter struct {
	out      io.Writer
	terminal io.Writer // of the progress line; nil for none
	paint    func(status) string
	json     bool
	count    map[status]int
	pushed   bool // an event came
}

// eraseLine is the terminal's code for an empty line.
const eraseLine = "\r\x1b[K"

func (d *doctorPrinter) progress(text string) { fmt.Fprint(d.terminal, eraseLine, text, " …") }

func (d *doctorPrinter) report(f doctor.Finding) {
	if d.count == nil {
		d.count = map[status]int{}
	}
	d.count[f.Status]++
	d.pushed = d.pushed || f.Step == "push" && f.Status == green
	if d.terminal != nil {
		fmt.Fprint(d.terminal, eraseLine)
	}
	if d.json {
		encoder := json.NewEncoder(errtext.JSONWriter(d.out))
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(f) // a reader that is gone is noticed by the last line
		return
	}
	printFinding(d.out, finding{Name: f.Step, Status: f.Status, Detail: onOneLine(f.Detail), Advice: onOneLine(f.Advice)}, d.paint)
	for _, line := range f.Lines {
		fmt.Fprintf(d.out, "            %s\n", errtext.Printable(strings.TrimRight(line, "\n")))
	}
}

func (d *doctorPrinter) summary() error {
	if d.terminal != nil {
		fmt.Fprint(d.terminal, eraseLine)
	}
	text, result := "Push works.", error(nil)
	if !d.pushed {
		text = "Clients get through. doctor --config on Nextcloud's machine shows whether pushes come."
	}
	switch {
	case d.count[red] > 0:
		text, result = "Push does not work as it should: fix the red items.", exitProbeFailed
	case d.count[yellow] > 0:
		text += " The yellow items deserve a look."
	case d.count[green] == 0:
		text, result = "Nothing was found out.", exitProbeFailed
	}
	if !d.json {
		fmt.Fprintf(d.out, "\n%s\n", text)
	}
	return result
}
