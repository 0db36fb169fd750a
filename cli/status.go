package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/notifypush/notifypush/internal/errtext"
	"github.com/notifypush/notifypush/transport/monitor"
)

// statusCommand shows the status page in a terminal.
type statusCommand struct {
	settingFlags
	ofInstance

	JSON bool `name:"json" help:"Print what the server answers."`
}

// ofInstance names one of several instances.
type ofInstance struct {
	Instance string `placeholder:"NAME" help:"Ask about that instance, where the server has several (--instances)."`
}

const pagesOfInstances = "/instances/"

// page is the path of a page about it.
func (o ofInstance) page(path string) string {
	if o.Instance == "" {
		return path
	}
	return pagesOfInstances + url.PathEscape(o.Instance) + path
}

// Help is printed below the flags.
func (*statusCommand) Help() string {
	return `Asks where the server with the same flags and variables has its metrics.

Of a server with several instances, all are listed, and with --instance one is shown; ready is one that serves at least one of them.

Exit status: 0 when the server is ready, 1 when it is not, does not answer, or has no metrics port, 2 for a command line that cannot be read.`
}

func (c *statusCommand) Run(p *process) error {
	var status struct {
		monitor.StatusReply
		Instances []monitor.InstanceReply
	}
	body, err := c.ask(p.ctx, c.page("/api/status"), &status)
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		_, err = fmt.Fprintln(errtext.JSONWriter(p.stdout), body)
	case status.Instances != nil:
		printInstances(p.stdout, status.StatusReply, status.Instances)
	default:
		printStatus(p.stdout, status.StatusReply)
	}
	if err == nil && !status.Ready {
		return exitStatus(1)
	}
	return err
}

// clientsCommand lists who is connected.
type clientsCommand struct {
	User string `arg:"" optional:"" help:"Only users whose id has this text in it."`
	settingFlags
	ofInstance

	From int  `placeholder:"N" help:"Begin with that one of the users; what follows a full list says which."`
	JSON bool `name:"json" help:"Print what the server answers."`
}

// Help is printed below the flags.
func (*clientsCommand) Help() string {
	return `Asks where the server with the same flags and variables has its metrics. A server on another machine wants its admin token.

Exit status: 0 when it answers, 1 when not, or when it has no metrics port, 2 for a command line that cannot be read.`
}

func (c *clientsCommand) Run(p *process) error {
	var clients monitor.ClientsReply
	page := c.page("/api/clients") + "?" + url.Values{"search": {c.User}, "from": {strconv.Itoa(c.From)}}.Encode()
	body, err := c.ask(p.ctx, page, &clients)
	if err != nil {
		return err
	}
	if c.JSON {
		_, err = fmt.Fprintln(errtext.JSONWriter(p.stdout), body)
		return err
	}
	printClients(p.stdout, clients, time.Now())
	return nil
}

// ask asks the operators' listener for a page of JSON.
func (f settingFlags) ask(ctx context.Context, page string, reply any) (body string, err error) {
	address, token, err := f.monitor(ctx)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	status, body, err := get(ctx, false, address, page, monitor.TokenHeader, token.Reveal())
	if err != nil {
		return "", fmt.Errorf("ask the server at %s: %w", address, err)
	}
	if status != http.StatusOK {
		var refused struct{ Error string }
		if json.Unmarshal([]byte(body), &refused) != nil || refused.Error == "" {
			refused.Error = fmt.Sprintf("status %d; is that a notify_push with a status page?", status)
			if strings.HasPrefix(page, pagesOfInstances) {
				refused.Error = fmt.Sprintf("status %d; is that a notify_push with --instances? Of one without, leave --instance away", status)
			}
		}
		return "", fmt.Errorf("ask the server at %s: %s", address, onOneLine(refused.Error))
	}
	if err := json.Unmarshal([]byte(body), reply); err != nil {
		return "", fmt.Errorf("read the answer of the server at %s: %w", address, err)
	}
	return body, nil
}

func printStatus(out io.Writer, s monitor.StatusReply) {
	t := newTable(out)
	defer t.Flush()
	t.line("version", fmt.Sprintf("%s, app %s, %s", s.Version, s.AppVersion, s.GoVersion))
	t.line("started", ago(s.Time, &s.Started))
	if s.Ready && s.ReadySince != nil {
		t.line("ready", "since "+ago(s.Time, s.ReadySince))
	}
	for _, p := range s.Problems {
		t.line("not ready", fmt.Sprintf("%s, since %s: %s", p.Name, ago(s.Time, &p.Since), p.Reason))
	}
	if s.Warning != "" {
		t.line("warning", s.Warning)
	}
	for _, d := range s.Dependencies {
		state := "ok"
		switch {
		case !d.OK:
			state = "away"
		case d.Latency == nil:
			state = "not asked yet"
		}
		if d.Latency != nil {
			state += fmt.Sprintf(", %.3g ms, %s", *d.Latency, ago(s.Time, d.At))
		}
		t.line(d.Name, state)
	}
	for _, other := range s.Servers {
		state := ""
		if other.Ending {
			state = ", ending"
		}
		t.line("server", fmt.Sprintf("%s, version %s, since %s, %d clients%s", other.Name, other.Version, ago(s.Time, &other.Since), other.Connections, state))
	}
	t.line("clients", fmt.Sprintf("%d of %d users", s.Now.Connections, s.Now.Users))
	t.line("logins", fmt.Sprintf("%d waiting, %d at Nextcloud, %d throttled", s.Waiting, s.InFlight, s.Throttled))
	t.line("log level", s.LogLevel)
	for _, row := range []struct {
		name string
		of   func(monitor.Point) float64
	}{
		{"connections", func(p monitor.Point) float64 { return float64(p.Connections) }},
		{"events/s", func(p monitor.Point) float64 { return p.Events }},
		{"pushes/s", func(p monitor.Point) float64 { return p.Pushes }},
		{"logins/s", func(p monitor.Point) float64 { return p.Logins }},
		{"refused/s", func(p monitor.Point) float64 { return p.Refused }},
	} {
		t.line(row.name, fmt.Sprintf("%-8.4g %s", row.of(s.Now), sparkline(s.Hour, row.of)))
	}
}

// printInstances lists those of a server that has several.
func printInstances(out io.Writer, s monitor.StatusReply, all []monitor.InstanceReply) {
	fmt.Fprintf(out, "version %s, %s, started %s\n", onOneLine(s.Version), onOneLine(s.GoVersion), ago(s.Time, &s.Started))
	t := newTable(out)
	defer t.Flush()
	for _, i := range all {
		state := "ready"
		switch {
		case !i.Served:
			state = "not served"
		case !i.Ready:
			state = "not ready"
		}
		t.line(i.Name, state, fmt.Sprintf("%d clients", i.Connections), strings.Join(i.Hosts, ", "))
		for _, name := range slices.Sorted(maps.Keys(i.Problems)) {
			t.line("", "", "", name+": "+i.Problems[name])
		}
		if i.Warning != "" {
			t.line("", "", "", "warning: "+i.Warning)
		}
	}
}

// sparkline draws the last hour.
func sparkline(points []monitor.Point, of func(monitor.Point) float64) string {
	const bars = "▁▂▃▄▅▆▇█"
	var most float64
	for _, p := range points {
		most = max(most, of(p))
	}
	var drawn strings.Builder
	for _, p := range points {
		bar := 0
		if most > 0 {
			bar = int(of(p) / most * 7)
		}
		drawn.WriteRune([]rune(bars)[bar])
	}
	return drawn.String()
}

func printClients(out io.Writer, reply monitor.ClientsReply, now time.Time) {
	t := newTable(out)
	t.line("USER", "ADDRESS", "CONNECTED", "LAST PUSH", "CLIENT")
	for _, c := range reply.Clients {
		t.line(c.User, c.Address, ago(now, &c.Since), ago(now, c.LastPush), c.Program)
	}
	_ = t.Flush()
	if reply.Next > 0 {
		fmt.Fprintf(out, "%d of %d users; notify_push clients --from %d goes on\n", reply.Next-reply.From, reply.Users, reply.Next)
	}
	for _, t := range reply.Throttled {
		fmt.Fprintf(out, "throttled: %s, %d failed logins, until %s\n", onOneLine(t.Address), t.Failures, t.Until.Local().Format(time.TimeOnly))
	}
}

// ago says how long before now a time was; nil is never.
func ago(now time.Time, then *time.Time) string {
	if then == nil {
		return "-"
	}
	return max(now.Sub(*then), 0).Round(time.Second).String() + " ago"
}
