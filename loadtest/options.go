package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"github.com/notifypush/notifypush/loadtest/internal/swarm"
	"github.com/notifypush/notifypush/loadtest/report"
)

// Options say what a load test runs against and how.
type Options struct {
	// Scenarios are run one after the other, each with a server started anew.
	Scenarios []Scenario
	// Servers are what is tested: one, or two of different names, alternately.
	Servers []Server
	// Balancer, when it is set, is a command that starts a balancer of each server's nodes, to which clients go instead of to the nodes in
	// turn. Its environment has BIND and PORT, where it listens, and for each node from 1 NODE_1, its address, and METRICS_PORT_1. It ends
	// with SIGTERM, and stays in its process group.
	Balancer string
	// Rounds is how often each scenario is run with each server; 0 means once.
	Rounds int

	// URL, instead of Servers, is the websocket endpoint of a server that runs already, ws://host:port/ws, and RedisURL the
	// Redis that it is subscribed to. MetricsURL and PID, when they are given, are where the server's counters, memory and CPU time are
	// read.
	URL, RedisURL string
	MetricsURL    string
	PID           int
	// Fleet, instead of MetricsURL and PID, are the servers of one Nextcloud that URL is the balancer of. Without URL, clients go to theirs
	// in turn.
	Fleet []Node
	// Publish, instead of RedisURL, takes an event to that server: the channel and the payload that the app would publish. It must be
	// safe for concurrent use, and may keep the payload.
	Publish func(channel string, payload []byte) error
	// Login says how client number i, from 0, logs in to that server as a user; it may be called concurrently, again for each connection.
	// nil: with pre-auth tokens, which are published. The server answers with the text "authenticated", or with another as a refusal.
	Login func(i int, user string) (Login, error)
	// IOwnThisServer allows the URLs to be elsewhere than on this machine.
	IOwnThisServer bool

	// Workers is how many processes the clients are spread over; 0 keeps them in this one, as Publish and Login need it.
	Workers int
	// Busy is how many further processes compute all the time, to see what a busy machine does to the server; 0 means none.
	Busy int
	// HelperCommand starts this program so that it calls [Help] with the further argument that is added to it. Workers, Busy and a Floor
	// need it.
	HelperCommand []string

	// Progress, when it is set, is called a few times a second.
	Progress func(Progress)
}

// Login is what a client logs in with.
type Login struct {
	// Header is sent with the handshake, such as a cookie.
	Header http.Header
	// Messages are sent after it, in order; there may be none.
	Messages []string
}

// Server is a push server that the harness starts.
type Server struct {
	// Label names it in reports; empty means its command.
	Label string
	// Command starts it; a shell reads it as it is, so that it may be a script, set variables, or change the folder. What it starts has to
	// stay in its process group; the process that listens is the one that is measured, and asked to end. Its environment has REDIS_URL,
	// DATABASE_URL, DATABASE_PREFIX, NEXTCLOUD_URL, PORT, METRICS_PORT, BIND, LOG and mostly DEBOUNCE_DISABLE, which are the variables of
	// the contract, and CONFIG_FILE, the path of a config.php that says the same and has Nextcloud's secret. Of the nodes of a fleet, each has
	// its number in NODE, from 1.
	Command string
}

// Node is one of several servers of one Nextcloud, which runs already.
type Node struct {
	// URL is its websocket endpoint; a balancer needs none.
	URL string
	// MetricsURL and PID, when they are given, are where its counters, memory and CPU time are read.
	MetricsURL string
	PID        int
}

func (s Server) name() string { return named(s.Label, s.Command) }

// Progress is the state of a running test.
type Progress struct {
	Scenario, Server string
	Round            int
	// Share is how much of the present step is done, from 0 to 1, or negative when that is not known.
	Share  float64
	Sample report.Sample
}

func (o *Options) helper(name string) []string { return append(slices.Clone(o.HelperCommand), name) }

// Check returns what is wrong with the options, before anything is started. [Run] does so, too.
func (o *Options) Check(ctx context.Context) error {
	switch {
	case len(o.Scenarios) == 0:
		return errors.New("no scenario")
	case (len(o.Servers) == 0) == !o.running():
		return errors.New("give either commands that start servers, or the URL of one that runs already")
	case o.running() && (o.RedisURL == "") == (o.Publish == nil):
		return errors.New("the Redis of the server is missing, or the function, to publish events: one of them")
	case !o.running() && (o.RedisURL != "" || o.MetricsURL != "" || o.PID != 0 || o.Publish != nil || o.Login != nil):
		return errors.New("the URL is missing: Redis, metrics, process, publish function and login are those of a server that runs already")
	case o.running() && o.Balancer != "":
		return errors.New("a balancer is started before servers that are started; the URL of one that runs already is the URL to test")
	case len(o.Fleet) > 0 && (o.MetricsURL != "" || o.PID != 0):
		return errors.New("metrics and process of a fleet are those of its nodes")
	case len(o.Fleet) > swarm.MaxEndpoints:
		return fmt.Errorf("%d nodes: %d are possible", len(o.Fleet), swarm.MaxEndpoints)
	case min(o.Workers, o.Rounds, o.PID, o.Busy) < 0:
		return errors.New("negative number")
	case o.Workers > 0 && (o.Publish != nil || o.Login != nil):
		return errors.New("workers: functions of this process work with the clients of this process only")
	case len(o.Servers) > 2:
		return fmt.Errorf("%d servers: two can be compared", len(o.Servers))
	case len(o.Servers) == 2 && o.Servers[0].name() == o.Servers[1].name():
		return fmt.Errorf("two servers of one name, %q: give each its own", o.Servers[0].name())
	}
	for _, scenario := range o.Scenarios {
		scenario.setDefaults()
		err := scenario.check()
		needsHelper := o.Workers > 0 || o.Busy > 0 || slices.ContainsFunc(scenario.Steps, func(s Step) bool { return s.Floor != nil })
		switch {
		case err != nil:
		case needsHelper && len(o.HelperCommand) == 0:
			err = errors.New("the command of helper processes is missing: workers, busy and a floor need it")
		case o.running() && scenario.needsOwnServer():
			err = errors.New("it needs a server, a database and a Nextcloud of its own; use a command that starts the server")
		}
		if err != nil {
			return fmt.Errorf("scenario %s: %w", scenario.Name, err)
		}
	}
	if !o.running() {
		return nil
	}
	return o.checkAddresses(ctx)
}

func (o *Options) running() bool { return o.URL != "" || len(o.Fleet) > 0 }

// nodes are those of a server that runs already.
func (o *Options) nodes() []Node {
	if len(o.Fleet) > 0 {
		return o.Fleet
	}
	return []Node{{o.URL, o.MetricsURL, o.PID}}
}

// urls are those to which clients go.
func (o *Options) urls() (all []string) {
	if o.URL != "" {
		return []string{o.URL}
	}
	for _, node := range o.Fleet {
		all = append(all, node.URL)
	}
	return all
}

func (o *Options) checkAddresses(ctx context.Context) error {
	if _, err := o.endpoints(ctx); err != nil || o.IOwnThisServer {
		return err
	}
	addresses := []string{o.URL, o.RedisURL}
	for _, node := range o.nodes() {
		addresses = append(addresses, node.URL, node.MetricsURL)
	}
	for _, address := range addresses {
		if err := checkLoopback(ctx, address); err != nil {
			return err
		}
	}
	return nil
}

// ErrNotLoopback means that a server is on another machine, and [Options].IOwnThisServer is not set.
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

// endpoints reads the URLs to which clients go.
func (o *Options) endpoints(ctx context.Context) (all []swarm.Endpoint, err error) {
	for _, address := range o.urls() {
		one, err := endpoint(ctx, address)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func endpoint(ctx context.Context, address string) (swarm.Endpoint, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "ws" && parsed.Scheme != "http" || parsed.Hostname() == "" {
		return swarm.Endpoint{}, errors.New("the URL is not like ws://host:port/ws; the simulated clients speak no TLS, so aim behind the proxy that does")
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", parsed.Hostname())
	if err != nil {
		return swarm.Endpoint{}, fmt.Errorf("look up %s: %w", parsed.Hostname(), err)
	}
	at, err := netip.ParseAddrPort(net.JoinHostPort(addresses[0].Unmap().String(), named(parsed.Port(), "80")))
	if err != nil {
		return swarm.Endpoint{}, fmt.Errorf("read the address of the server: %w", err)
	}
	return swarm.Endpoint{Address: at, Path: named(parsed.EscapedPath(), "/ws")}, nil
}

// named is a name, or its default when it is empty.
func named(name, otherwise string) string {
	if name != "" {
		return name
	}
	return otherwise
}
