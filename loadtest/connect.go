package loadtest

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Connect has clients connect, and waits until all of them are logged in.
type Connect struct {
	// Name is shown in reports; empty means "connect".
	Name string `yaml:"name"`
	// Clients is how many; 0 means all that are left.
	Clients int `yaml:"clients"`
	// InFlight is how many may be about it at once; 0 means all.
	InFlight int `yaml:"in_flight"`
	// Rate is how many may begin a second; 0 means as many as InFlight allows.
	Rate float64 `yaml:"rate"`
}

func (c *Connect) title() string { return named(c.Name, "connect") }

func (c *Connect) check() error {
	if c.Clients < 0 || c.InFlight < 0 || c.Rate < 0 {
		return errors.New("connect: clients, in_flight and rate cannot be negative")
	}
	return nil
}

// How long nothing may happen before a step takes what there is.
const (
	patience = 3 * time.Second
	// connectPatience: a connection that the kernel could not take is tried again by it after 1, 3, 7 and 15 s.
	connectPatience = time.Minute
	// returnPatience: a client that was refused again and again waits for minutes.
	returnPatience = 6 * time.Minute
)

func (c *Connect) run(ctx context.Context, b *bench) error {
	if !b.recruited {
		if err := b.recruit(b.server.address, b.server.path); err != nil {
			return err
		}
	}
	n := b.scenario.Clients - b.connected
	if c.Clients > 0 {
		n = min(n, c.Clients)
	}
	if n == 0 {
		b.note("all clients are connected already")
		return nil
	}
	before, err := b.begin(ctx)
	if err != nil {
		return err
	}
	if err := b.crew.do(order{Do: doConnect, Count: n, InFlight: c.InFlight, PerSecond: c.Rate}); err != nil {
		return err
	}
	b.connected += n
	return b.awaitLogins(ctx, before, n, connectPatience)
}

// awaitLogins waits until n more logins have succeeded and reports what they took.
func (b *bench) awaitLogins(ctx context.Context, before moment, n int, patience time.Duration) error {
	b.expect(func(t tally) float64 { return float64(t.Logins) / float64(n) })
	tally, done, err := b.crew.await(ctx, patience, func(t tally) int { return t.Logins }, n)
	if err != nil {
		return err
	}
	if !done {
		return fmt.Errorf("%d of %d clients have logged in, and for %v no more: %s", tally.Logins, n, patience, endings(tally))
	}
	after, c, err := b.end(ctx)
	if err != nil {
		return err
	}
	b.connectedMemory = after.server.Resident
	b.addConnect(c, before, after)
	return nil
}

func (b *bench) addConnect(c collection, before, after moment) {
	b.step.add("logins", float64(c.Logins), "")
	took := 0.0
	if c.Logins > 0 {
		took = float64(c.LastLogin-before.at) / 1e6
		b.addTook(c, before, after, took)
	}
	b.step.add("online at the end", float64(c.Online), "")
	b.addRetries(c.tally)
	b.addLogins(after, took)
	b.addMemory(after, c.Online)
	b.addHarness(before, after, c.harness, c.Clients)
}

// addTook is what the logins took, of which there are some.
func (b *bench) addTook(c collection, before, after moment, took float64) {
	b.step.add("time", took, "s")
	b.step.add("logins/s", float64(c.Logins)/took, "/s")
	if cpu, ok := before.cpu(after); ok {
		b.step.add("CPU a login", cpu.Seconds()*1e6/float64(c.Logins), "µs")
	}
	b.step.add("half of them after", ms(c.came.ValueAtQuantile(50))/1e3, "s")
	b.step.add("99 % of them after", ms(c.came.ValueAtQuantile(99))/1e3, "s")
	b.step.addTimes("login", c.loggedIn)
	b.step.Logins = quantiles(c.loggedIn)
}

// alone is what a Nextcloud needs for so many logins; 0 when it takes no time at all.
func (n Nextcloud) alone(logins int) time.Duration {
	if n.Workers == 0 {
		return 0
	}
	return time.Duration(logins) * n.Delay / time.Duration(n.Workers)
}

// addRetries says when a client needed more than one try.
func (b *bench) addRetries(t tally) {
	if t.Dials == t.Logins && len(t.Endings) == 0 {
		return
	}
	b.step.add("dials", float64(t.Dials), "")
	b.step.add("refused", float64(t.Refused), "")
	b.addEndings(t)
}

// named is the title of a step that may have a name of its own.
func named(name, otherwise string) string {
	if name != "" {
		return name
	}
	return otherwise
}
