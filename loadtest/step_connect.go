package loadtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/swarm"
)

// Connect has clients connect, and waits until all of them are logged in.
type Connect struct {
	// Name is shown in reports; empty means "connect".
	Name string `yaml:"name"`
	// Clients is how many; 0 means all that are left.
	Clients int `yaml:"clients"`
	// InFlight is how many may be connecting at once; 0 means all.
	InFlight int `yaml:"in_flight"`
	// Rate is how many may begin a second; 0 means as many as InFlight allows.
	Rate float64 `yaml:"rate"`
}

// How long nothing may happen before a step takes what there is.
const (
	deliveryTimeout = 3 * time.Second
	// connectTimeout: the kernel tries again after 1, 3, 7 and 15 s to open a connection that the other side could not take.
	connectTimeout = time.Minute
	// returnTimeout: a client that was refused again and again waits for minutes.
	returnTimeout = 6 * time.Minute
)

func (c *Connect) run(ctx context.Context, e *execution) {
	before, n := e.beginConnect(ctx, c.Clients)
	e.check(e.swarm.Do(swarm.Command{Do: swarm.Connect, Count: n, InFlight: c.InFlight, Rate: c.Rate}))
	e.connected += n
	if n > 0 {
		e.awaitLogins(ctx, before, n, connectTimeout)
	}
}

// beginConnect makes the clients when there are none yet, and returns how many of those that are left are wanted.
func (e *execution) beginConnect(ctx context.Context, wanted int) (before snapshot, n int) {
	if !e.created {
		e.createClients(e.endpoints...)
	}
	n = e.scenario.Clients - e.connected
	if wanted > 0 {
		n = min(n, wanted)
	}
	if n == 0 {
		e.note("all clients are connected already")
	}
	return e.begin(ctx), n
}

// Handshake has clients connect, and hang up when the websocket handshake is done. Logins in later steps are compared with that, until
// another one: where they come at another pace, the server wakes up more often or less for each.
type Handshake struct {
	// Name is shown in reports; empty means "handshake".
	Name string `yaml:"name"`
	// Clients is how many; 0 means all that are not connected.
	Clients int `yaml:"clients"`
	// InFlight is how many may be connecting at once; 0 means all.
	InFlight int `yaml:"in_flight"`
	// Rate is how many may begin a second; 0 means as many as InFlight allows.
	Rate float64 `yaml:"rate"`
}

func (h *Handshake) run(ctx context.Context, e *execution) {
	if e.connected > 0 {
		e.check(errors.New("some clients are connected already; let handshake come before connect, or after leave"))
	}
	e.handshakeCPU = 0
	before, n := e.beginConnect(ctx, h.Clients)
	e.check(e.swarm.Do(swarm.Command{Do: swarm.Connect, Count: n, InFlight: h.InFlight, Rate: h.Rate, HandshakeOnly: true}))
	c, done := e.await(ctx, connectTimeout, func(c swarm.Counters) int { return c.Handshakes }, n)
	if !done {
		e.check(fmt.Errorf("%d of %d handshakes done, and for %v no more: %s", c.Handshakes, n, connectTimeout, disconnects(c)))
	}
	after, collected := e.end(ctx)
	e.step.Add("handshakes", float64(n), "")
	e.step.Add("handshakes/s", float64(n)*1e6/float64(after.at-before.at), "/s")
	if cpu, ok := before.cpu(after); ok {
		e.handshakeCPU = cpu.Seconds() * 1e6 / float64(n)
		e.step.Add("CPU a handshake", e.handshakeCPU, "µs")
	}
	e.addHarness(before, after, collected.Harness, collected.Clients)
	e.check(e.swarm.Do(swarm.Command{Do: swarm.Leave})) // so that the same clients connect next
}

// awaitLogins waits until n more logins have succeeded and reports what they took.
func (e *execution) awaitLogins(ctx context.Context, before snapshot, n int, timeout time.Duration) {
	e.awaitClients(ctx, func(c swarm.Counters) int { return c.Logins }, n, timeout)
	after, collected := e.end(ctx)
	if e.err == nil {
		e.connectedMemory = after.resident()
		e.addLogins(collected, before, after)
	}
}

// awaitClients waits until n clients are logged in, by what progress says.
func (e *execution) awaitClients(ctx context.Context, progress func(swarm.Counters) int, n int, timeout time.Duration) {
	e.expect(func(c swarm.Counters) float64 { return float64(progress(c)) / float64(n) })
	if c, done := e.await(ctx, timeout, progress, n); !done {
		e.check(fmt.Errorf("%d of %d clients logged in, and for %v no more: %s", progress(c), n, timeout, disconnects(c)))
	}
}

func (e *execution) addLogins(c swarm.Collection, before, after snapshot) {
	e.step.Add("logins", float64(c.Logins), "")
	took := 0.0
	if c.Logins > 0 {
		took = float64(c.LastLogin-before.at) / 1e6
		e.addLoginTimes(c, before, after, took)
	}
	e.step.Add("online at the end", float64(c.Online), "")
	if c.Dials != c.Logins || len(c.Disconnects) > 0 {
		e.step.Add("dials", float64(c.Dials), "")
		e.step.Add("refused", float64(c.Refused), "")
		e.addDisconnects(c.Counters)
	}
	if e.standIns != nil {
		e.addNextcloud(c, before, after, took)
	}
	e.addNodes(before, after)
	e.addMemory(after, c.Online)
	e.addHarness(before, after, c.Harness, c.Clients)
}

// addLoginTimes is for logins of which there are some.
func (e *execution) addLoginTimes(c swarm.Collection, before, after snapshot, took float64) {
	e.step.Add("time", took, "s")
	e.step.Add("logins/s", float64(c.Logins)/took, "/s")
	if cpu, ok := before.cpu(after); ok && c.Delivered == 0 {
		each := cpu.Seconds() * 1e6 / float64(c.Logins)
		e.step.Add("CPU a login", each, "µs")
		if e.handshakeCPU > 0 {
			e.step.Add("CPU a login beside the handshake", each-e.handshakeCPU, "µs")
		}
	}
	e.step.Add("half of them after", ms(c.LoginEnd.ValueAtQuantile(50))/1e3, "s")
	e.step.Add("99 % of them after", ms(c.LoginEnd.ValueAtQuantile(99))/1e3, "s")
	e.addTimes("login", c.Login)
	e.addTimes("away", c.Away)
	e.step.Logins = quantiles(c.Login)
}

const uidPath = "/index.php/apps/notify_push/uid"

// addNextcloud is what reached Nextcloud since begin, and how the time that all this took compares with what Nextcloud needs for it.
func (e *execution) addNextcloud(c swarm.Collection, before, after snapshot, took float64) {
	logins := after.cloud.Logins[uidPath]
	var each []float64
	for i := range e.nodes {
		each = append(each, float64(after.nodes[i].logins-before.nodes[i].logins))
	}
	addSum(e.step, "logins at Nextcloud", each, "")
	e.step.Add("most requests in flight at Nextcloud", float64(after.cloud.MostInFlight), "")
	n := e.scenario.Nextcloud
	if n.Delay > 0 {
		waited := min(int(atLeast(c.Login, n.Delay)), logins*e.scenario.PerUser) // others were slow without it
		e.step.Add("waited for Nextcloud", float64(waited), "")
		e.step.Add("waited for Nextcloud share", 100*float64(waited)/float64(max(e.connected, 1)), "%")
	}
	if alone := time.Duration(logins) * n.Delay / time.Duration(max(n.Workers, 1)); n.Workers > 0 && alone > 0 && took > 0 {
		e.step.Add("time against Nextcloud alone", took/alone.Seconds(), "×")
	}
}
