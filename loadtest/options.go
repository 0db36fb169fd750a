package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
)

// Options say what a load test runs against and how.
type Options struct {
	// Scenarios are run one after the other, each with a server started anew.
	Scenarios []Scenario
	// Servers are what is tested: one, or two of different names in turns.
	Servers []Server
	// Rounds is how often each scenario is run with each server; 0 means once.
	Rounds int

	// URL, instead of Servers, is the websocket endpoint of a server that runs already, ws://host:port/ws, and RedisURL the
	// Redis that it is subscribed to. Clients then log in with pre-auth tokens. MetricsURL and PID, when they are given,
	// are where the server's counters, memory and CPU time are read.
	URL, RedisURL string
	MetricsURL    string
	PID           int
	// IOwnThisServer allows the three URLs to be elsewhere than on this machine.
	IOwnThisServer bool

	// Workers is how many processes the clients are spread over; 0 keeps them in this one.
	Workers int
	// HelperCommand starts this program so that it calls [Help] with the further argument that is added to it.
	HelperCommand []string

	// Progress, when it is set, is called a few times a second.
	Progress func(Progress)
}

// Server is a push server that the harness starts.
type Server struct {
	// Label names it in reports; empty means its command.
	Label string
	// Command starts it; a shell reads it as it is, so that it may be a script, set variables, or change the folder. What it
	// starts has to stay in its process group; the process that listens is the one that is measured, and asked to end. Its environment has REDIS_URL, DATABASE_URL, DATABASE_PREFIX,
	// NEXTCLOUD_URL, PORT, METRICS_PORT, BIND, LOG and mostly DEBOUNCE_DISABLE, which are the variables of the contract, and
	// CONFIG_FILE, the path of a config.php that says the same and has Nextcloud's secret.
	Command string
}

func (s Server) name() string { return named(s.Label, s.Command) }

// Progress is what can be seen of a running test.
type Progress struct {
	Scenario, Server string
	Round            int
	// Share is how much of the present step is done, from 0 to 1, or negative when nobody knows.
	Share  float64
	Sample Sample
}

func (o *Options) progress(p Progress) {
	if o.Progress != nil {
		o.Progress(p)
	}
}

func (o *Options) helper(name string) []string { return append(slices.Clone(o.HelperCommand), name) }

// Check says what is wrong with the options, before anything is started. [Run] does so, too.
func (o *Options) Check(ctx context.Context) error {
	switch {
	case len(o.Scenarios) == 0:
		return errors.New("no scenario is given")
	case (len(o.Servers) == 0) == (o.URL == ""):
		return errors.New("give either commands that start servers, or the URL of one that runs")
	case o.URL != "" && o.RedisURL == "":
		return errors.New("the Redis of the server is not given: events are published there")
	case o.URL == "" && (o.RedisURL != "" || o.MetricsURL != "" || o.PID != 0):
		return errors.New("the Redis, the metrics and the process are those of a server that runs already, and its URL is not given")
	case o.Workers < 0 || o.Rounds < 0 || o.PID < 0:
		return errors.New("no number can be negative")
	case len(o.Servers) > 2:
		return fmt.Errorf("%d servers are given: two can be compared", len(o.Servers))
	case len(o.Servers) == 2 && o.Servers[0].name() == o.Servers[1].name():
		return fmt.Errorf("both servers are called %q: nobody could tell them apart", o.Servers[0].name())
	case len(o.HelperCommand) == 0:
		return errors.New("how to start helper processes is not given")
	}
	for _, scenario := range o.Scenarios {
		scenario.setDefaults()
		if err := scenario.check(); err != nil {
			return fmt.Errorf("scenario %s: %w", scenario.Name, err)
		}
	}
	if o.URL == "" {
		return nil
	}
	return o.checkRunning(ctx)
}

// checkRunning is the part of Check for a server that runs already.
func (o *Options) checkRunning(ctx context.Context) error {
	if _, _, err := o.endpoint(ctx); err != nil {
		return err
	}
	for _, scenario := range o.Scenarios {
		if scenario.needsOwnServer() {
			return fmt.Errorf("scenario %s: it needs a server, a database and a Nextcloud of its own; use a command that starts the server", scenario.Name)
		}
	}
	if o.IOwnThisServer {
		return nil
	}
	for _, address := range []string{o.URL, o.RedisURL, o.MetricsURL} {
		if err := checkLoopback(ctx, address); err != nil {
			return err
		}
	}
	return nil
}

// ErrNotLoopback means that a server is on another machine, and that nobody has said that this is allowed.
var ErrNotLoopback = errors.New("it is not on this machine; a load test of somebody else's server is an attack on it")

// checkLoopback refuses a URL the host of which has any address that is not this machine's own.
func checkLoopback(ctx context.Context, address string) error {
	parsed, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("read the address of a server: %w", errors.Unwrap(err))
	}
	if parsed.Hostname() == "" {
		return nil // a unix socket, or none at all
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", parsed.Hostname())
	if err != nil {
		return fmt.Errorf("look up %s: %w", parsed.Hostname(), err)
	}
	for _, ip := range addresses {
		if ip = ip.Unmap(); !ip.IsLoopback() {
			return fmt.Errorf("%s has the address %s: %w", parsed.Hostname(), ip, ErrNotLoopback)
		}
	}
	return nil
}

// endpoint reads URL.
func (o *Options) endpoint(ctx context.Context) (netip.AddrPort, string, error) {
	parsed, err := url.Parse(o.URL)
	if err != nil || parsed.Scheme != "ws" && parsed.Scheme != "http" || parsed.Hostname() == "" {
		return netip.AddrPort{}, "", fmt.Errorf("the URL %q is not like ws://host:port/ws; the simulated clients speak no TLS, so aim behind the proxy that does", o.URL)
	}
	port := parsed.Port()
	if port == "" {
		port = "80"
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", parsed.Hostname())
	if err != nil {
		return netip.AddrPort{}, "", fmt.Errorf("look up %s: %w", parsed.Hostname(), err)
	}
	at, err := netip.ParseAddrPort(net.JoinHostPort(addresses[0].Unmap().String(), port))
	if err != nil {
		return at, "", fmt.Errorf("read the address of the server: %w", err)
	}
	path := parsed.EscapedPath()
	if path == "" {
		path = "/ws"
	}
	return at, path, nil
}
