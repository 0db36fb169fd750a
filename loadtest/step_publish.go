package loadtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/clock"
	"github.com/notifypush/notifypush/loadtest/internal/stand"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
	"github.com/notifypush/notifypush/loadtest/internal/wire"
)

// Kind is a kind of event.
type Kind string

// The kinds of events, by the pushes they lead to.
const (
	Custom       Kind = "custom"
	File         Kind = "file"
	Activity     Kind = "activity"
	Notification Kind = "notification"
)

// Publish publishes events and follows them to the clients.
type Publish struct {
	// Name is shown in reports; empty means "publish".
	Name string `yaml:"name"`
	// Kinds are taken in turn; none means custom.
	Kinds []Kind `yaml:"kinds"`
	// Events is how many in all; 0 means 1.
	Events int `yaml:"events"`
	// Rate is how many a second; 0 means all at once.
	Rate float64 `yaml:"rate"`
	// For, with Rate, says how long instead of how many.
	For time.Duration `yaml:"for"`
	// Users is to how many users, in turn; 0 means all.
	Users int `yaml:"users"`
	// Storage is where files change: "home" (also when it is empty), the user's own; "shared", one that all see; or
	// "idle", those of users who are not connected.
	Storage string `yaml:"storage"`
	// Rounds is how often to do this again once all have what they should; 0 means once.
	Rounds int `yaml:"rounds"`
	// WarmUp are rounds before those that count.
	WarmUp int `yaml:"warm_up"`
	// Padding makes custom messages longer, in bytes.
	Padding int `yaml:"padding"`
}

const (
	storageHome   = "home"
	storageShared = "shared"
	storageIdle   = "idle"
)

func (p *Publish) check() error {
	for _, kind := range p.Kinds {
		if !slices.Contains([]Kind{Custom, File, Activity, Notification}, kind) {
			return fmt.Errorf("unknown kind %q", kind)
		}
	}
	switch {
	case !slices.Contains([]string{"", storageHome, storageShared, storageIdle}, p.Storage):
		return fmt.Errorf("storage %q is none of home, shared and idle", p.Storage)
	case p.For > 0 && (p.Rate == 0 || p.Events > 0):
		return errors.New("for needs rate, and no events")
	}
	return nil
}

func (p *Publish) run(ctx context.Context, e *execution) {
	for range p.WarmUp {
		p.round(ctx, e)
	}
	before := e.begin(ctx)
	switch { // how far publishing has come shows by the clock when it has a rate
	case p.For > 0:
		e.expectTime(p.For)
	case p.Rate > 0:
		e.expectTime(time.Duration(float64(p.Events) / p.Rate * float64(time.Second)))
	}
	total := newOutcome()
	for range max(p.Rounds, 1) {
		total.add(p.round(ctx, e))
	}
	after := e.afterEvents(ctx, before, total.events, p.Storage == storageIdle)
	e.addLate(ctx, total)
	if e.err == nil {
		p.report(e, total, before, after)
	}
}

func (p *Publish) round(ctx context.Context, e *execution) *outcome {
	stream := p.stream(e)
	e.check(e.swarm.Do(swarm.Command{Do: swarm.Reset, At: clock.Now()}))
	if e.err != nil {
		return newOutcome()
	}
	published, err := e.publisher.run(ctx, stream)
	e.check(err)
	o := e.awaitDeliveries(ctx, published.began, stream.expected(0, stream.events))
	o.events, o.lateness, o.noSubscriber = stream.events, published.lateness, published.noSubscriber
	o.publishing = float64(published.ended-published.began) / 1e6
	return o
}

// addLate counts what came after the last round had all that was expected.
func (e *execution) addLate(ctx context.Context, o *outcome) {
	const late = 100 * time.Millisecond
	e.wait(ctx, late)
	c := e.collect()
	o.Duplicates += c.Duplicates - o.last.Duplicates
	o.Delivered += c.Delivered - o.last.Delivered
	o.OutOfOrder += c.OutOfOrder - o.last.OutOfOrder
	o.Misdelivered += c.Misdelivered - o.last.Misdelivered
}

// debounceTime is how long a push may be held back: 15 s at most, with a factor of at most 1.5.
const debounceTime = 23 * time.Second

// stream lays out the events.
func (p *Publish) stream(e *execution) stream {
	kinds := p.Kinds
	if len(kinds) == 0 {
		kinds = []Kind{Custom}
	}
	users := (e.connected + e.scenario.PerUser - 1) / e.scenario.PerUser
	if p.Users > 0 {
		users = min(users, p.Users)
	}
	order := swarm.Shuffled(max(users, 1))
	sequences := make([]uint32, max(users, 1))
	s := stream{events: max(p.Events, 1), rate: p.Rate}
	if p.For > 0 {
		s.events = int(p.Rate * p.For.Seconds())
	}
	kindOf := func(i int) Kind { return kinds[(i+i/len(order))%len(kinds)] }
	s.next = func(i int) wire.Event {
		user := order[i%len(order)]
		event := wire.Event{Kind: wire.Kind(kindOf(i)), User: int32(user), To: wire.RecipientOf(int32(user)), Serial: i, Padding: p.Padding}
		switch kindOf(i) {
		case Custom:
			event.Sequence = sequences[user]
			sequences[user]++
		case File:
			event.Storage, event.To = p.storage(i, user)
		}
		return event
	}
	s.reaches = func(i int) int {
		switch kind := kindOf(i); {
		case kind == File && p.Storage == storageIdle:
			return 0
		case kind == File && p.Storage == storageShared:
			return e.reading(0, e.connected)
		default:
			first := order[i%len(order)] * e.scenario.PerUser
			return e.reading(first, first+e.scenario.PerUser)
		}
	}
	return s
}

// reading is how many of the clients from first until last are connected and read.
func (e *execution) reading(first, last int) int {
	return max(min(last, e.connected)-max(first, e.notReading), 0)
}

// storage is where a file changes, and whom that concerns.
func (p *Publish) storage(i, user int) (uint32, wire.Recipient) {
	switch p.Storage {
	case storageShared:
		return stand.SharedStorage, wire.Anybody
	case storageIdle:
		return stand.IdleStorage + uint32(i%stand.MaxIdle), wire.Nobody
	default:
		return stand.HomeStorage + uint32(user), wire.RecipientOf(int32(user))
	}
}

// afterEvents takes a snapshot when the server has dealt with all events; when they reach nobody, it waits until the server computes no
// more. It is not asked for its counters before, because answering takes it as much as hundreds of events.
func (e *execution) afterEvents(ctx context.Context, before snapshot, events int, nobody bool) snapshot {
	const (
		interval = 50 * time.Millisecond
		little   = 5 * time.Millisecond // of CPU in an interval
		calm     = 4                    // intervals in a row with little
	)
	quiet, last := 0, before
	for deadline := time.Now().Add(stand.StartTimeout); nobody && e.err == nil && time.Now().Before(deadline); {
		e.wait(ctx, interval)
		used := e.usage()
		quiet++
		if cpu, _ := last.cpu(used); cpu >= little {
			quiet = 0
		}
		last = used
		if quiet == calm {
			quiet = 0
			after := e.snapshot(ctx)
			if seen, known := before.counted(after, "event_count_total"); !known || seen >= float64(events) {
				return after
			}
		}
	}
	return e.snapshot(ctx)
}

func (p *Publish) report(e *execution, o *outcome, before, after snapshot) {
	step, lost := e.step, max(o.expected-o.Delivered, 0)
	step.Add("events", float64(o.events), "")
	if !e.scenario.Debounce {
		step.Add("expected", float64(o.expected), "")
	}
	step.Add("delivered", float64(o.Delivered), "")
	if !e.scenario.Debounce {
		step.Add("lost", float64(lost), "")
		step.Add("lost share", 100*float64(lost)/float64(max(o.expected, 1)), "%")
		step.Add("too many", float64(max(o.Delivered-o.expected, 0)), "")
	}
	step.Add("duplicates", float64(o.Duplicates), "")
	step.Add("out of order", float64(o.OutOfOrder), "")
	step.Add("misdelivered", float64(o.Misdelivered), "")
	e.addTimes("latency", o.latency)
	step.Latency = quantiles(o.latency)
	if p.Rate == 0 && o.seconds > 0 {
		step.Add("deliveries/s", float64(o.Delivered)/o.seconds, "/s")
		step.Add("last client after", median(o.lastAfter), "ms")
		if len(o.lastAfter) > 1 {
			step.Add("last client after, worst round", slices.Max(o.lastAfter), "ms")
		}
	}
	if cpu, ok := before.cpu(after); ok {
		used := cpu.Seconds() * 1e6
		step.Add("CPU an event", used/float64(o.events), "µs")
		if o.Delivered > 0 {
			step.Add("CPU a delivery", used/float64(o.Delivered), "µs")
		}
	}
	if queries, ok := before.counted(after, "mapping_query_count"); ok && slices.Contains(p.Kinds, File) {
		step.Add("queries", queries, "")
	}
	e.addNodes(before, after)
	e.addMemory(after, o.Online)
	step.Add("publisher late p99", ms(o.lateness.ValueAtQuantile(99)), "ms")
	step.Add("published/s", float64(o.events)/max(o.publishing, 1e-6), "/s")
	if p.Rate > 0 {
		e.addAgainst(e.ratedFloor)
	} else {
		e.addAgainst(e.floor)
	}
	e.addDisconnects(o.Counters)
	e.addHarness(before, after, o.harness, o.Clients)
	if o.noSubscriber > 0 {
		e.note(fmt.Sprintf("%d events published without a subscriber at Redis", o.noSubscriber))
	}
}
