package loadtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
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

func (p *Publish) title() string { return named(p.Name, "publish") }

func (p *Publish) check() error {
	for _, kind := range p.Kinds {
		if !slices.Contains([]Kind{Custom, File, Activity, Notification}, kind) {
			return fmt.Errorf("publish: %q is no kind of event", kind)
		}
	}
	switch {
	case !slices.Contains([]string{"", storageHome, storageShared, storageIdle}, p.Storage):
		return fmt.Errorf("publish: storage %q is none of home, shared and idle", p.Storage)
	case min(p.Events, p.Users, p.Rounds, p.WarmUp, p.Padding) < 0 || p.Rate < 0 || p.For < 0:
		return errors.New("publish: no number can be negative")
	case p.For > 0 && (p.Rate == 0 || p.Events > 0):
		return errors.New("publish: for needs rate, and no events")
	}
	return nil
}

func (p *Publish) run(ctx context.Context, b *bench) error {
	for range p.WarmUp {
		if _, err := p.round(ctx, b); err != nil {
			return err
		}
	}
	before, err := b.begin(ctx)
	if err != nil {
		return err
	}
	b.expectEvents(p)
	total := newOutcome()
	for range max(p.Rounds, 1) {
		outcome, err := p.round(ctx, b)
		if err != nil {
			return err
		}
		total.add(outcome)
	}
	after, err := b.settled(ctx, before, total.events, p.Storage == storageIdle)
	if err != nil {
		return err
	}
	if err := b.addLate(ctx, total); err != nil {
		return err
	}
	p.report(b, total, before, after)
	return nil
}

func (p *Publish) round(ctx context.Context, b *bench) (*outcome, error) {
	stream, expected := p.stream(b)
	if err := b.crew.begin(now()); err != nil {
		return nil, err
	}
	b.publisher.step++
	published, err := b.publisher.publish(ctx, stream)
	if err != nil {
		return nil, err
	}
	if b.scenario.Debounce {
		err = wait(ctx, debounceTime)
	} else {
		_, _, err = b.crew.await(ctx, patience, func(t tally) int { return t.Delivered }, expected)
	}
	if err != nil {
		return nil, err
	}
	c, err := b.crew.collect()
	if err != nil {
		return nil, err
	}
	o := newOutcome()
	o.tally, o.events, o.expected, o.unheard = c.tally, stream.events, expected, published.unheard
	o.latency, o.lateness, o.harness = c.latency, published.lateness, c.harness
	o.publishing = float64(published.ended-published.began) / 1e6
	if c.Last > 0 {
		o.lastAfter = []float64{ms(c.Last - published.began)}
		o.seconds = float64(c.Last-published.began) / 1e6
	}
	return o, nil
}

// late is how long to look for what comes although nothing more should.
const late = 100 * time.Millisecond

// addLate counts what came after the last round had all that was expected.
func (b *bench) addLate(ctx context.Context, o *outcome) error {
	if err := wait(ctx, late); err != nil {
		return err
	}
	tally, err := b.crew.tally()
	o.Duplicates += tally.Duplicates - o.last.Duplicates
	o.Delivered += tally.Delivered - o.last.Delivered
	o.OutOfOrder += tally.OutOfOrder - o.last.OutOfOrder
	o.Misdelivered += tally.Misdelivered - o.last.Misdelivered
	return err
}

// expectEvents shows how far publishing has come, by the clock when it has a rate.
func (b *bench) expectEvents(p *Publish) {
	switch {
	case p.For > 0:
		b.expectTime(p.For)
	case p.Rate > 0:
		b.expectTime(time.Duration(float64(p.Events) / p.Rate * float64(time.Second)))
	}
}

// debounceTime is how long a push may be held back: 15 s at most, with a factor of at most 1.5.
const debounceTime = 23 * time.Second

// stream lays out the events, and says how many pushes they should lead to.
func (p *Publish) stream(b *bench) (s stream, expected int) {
	kinds := p.Kinds
	if len(kinds) == 0 {
		kinds = []Kind{Custom}
	}
	users := (b.connected + b.scenario.PerUser - 1) / b.scenario.PerUser
	if p.Users > 0 {
		users = min(users, p.Users)
	}
	order := shuffled(max(users, 1))
	sequences := make([]uint32, max(users, 1))
	s = stream{events: max(p.Events, 1), rate: p.Rate}
	if p.For > 0 {
		s.events = int(p.Rate * p.For.Seconds())
	}
	kindOf := func(i int) Kind { return kinds[(i+i/len(order))%len(kinds)] }
	s.next = func(i int) event {
		user := order[i%len(order)]
		e := event{kind: kindOf(i), user: int32(user), to: recipientOf(int32(user)), serial: i, padding: p.Padding}
		switch e.kind {
		case Custom:
			e.sequence = sequences[user]
			sequences[user]++
		case File:
			e.storage, e.to = p.storage(i, user)
		}
		return e
	}
	for i := range s.events {
		switch kind := kindOf(i); {
		case kind == File && p.Storage == storageIdle:
		case kind == File && p.Storage == storageShared:
			expected += b.reading(0, b.connected)
		default:
			first := order[i%len(order)] * b.scenario.PerUser
			expected += b.reading(first, first+b.scenario.PerUser)
		}
	}
	return s, expected
}

// reading is how many of the clients from first until last are connected and read.
func (b *bench) reading(first, last int) int {
	return max(min(last, b.connected)-max(first, b.stalled), 0)
}

// storage is where a file changes, and whom that concerns.
func (p *Publish) storage(i, user int) (uint32, recipient) {
	switch p.Storage {
	case storageShared:
		return sharedStorage, anybody
	case storageIdle:
		return idleStorage + uint32(i%maxIdle), nobody
	default:
		return homeStorage + uint32(user), recipientOf(int32(user))
	}
}

// settled waits until the server has dealt with all events, also with those that reach nobody. It is asked for its counters only
// when it computes no more, for answering takes it as much as hundreds of events.
func (b *bench) settled(ctx context.Context, before moment, events int, quiet bool) (after moment, err error) {
	if !quiet {
		return b.moment(ctx)
	}
	const calm = 4 // times in a row that nothing was computed
	still := 0
	last := before
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); {
		if err := wait(ctx, 50*time.Millisecond); err != nil {
			return after, err
		}
		used, err := b.used()
		if err != nil {
			return after, err
		}
		if cpu, _ := last.cpu(used); cpu < 5*time.Millisecond {
			still++
		} else {
			still = 0
		}
		last = used
		if still < calm {
			continue
		}
		still = 0
		if after, err = b.moment(ctx); err != nil {
			return after, err
		}
		if seen, known := before.counted(after, "event_count_total"); !known || seen >= float64(events) {
			return after, nil
		}
	}
	return b.moment(ctx)
}

func (p *Publish) report(b *bench, o *outcome, before, after moment) {
	step := b.step
	step.add("events", float64(o.events), "")
	if !b.scenario.Debounce {
		step.add("expected", float64(o.expected), "")
	}
	step.add("delivered", float64(o.Delivered), "")
	if !b.scenario.Debounce {
		step.add("lost", float64(max(o.expected-o.Delivered, 0)), "")
		step.add("lost share", 100*float64(max(o.expected-o.Delivered, 0))/float64(max(o.expected, 1)), "%")
		step.add("too many", float64(max(o.Delivered-o.expected, 0)), "")
	}
	step.add("duplicates", float64(o.Duplicates), "")
	step.add("out of order", float64(o.OutOfOrder), "")
	step.add("misdelivered", float64(o.Misdelivered), "")
	step.addTimes("latency", o.latency)
	step.Latency = quantiles(o.latency)
	if p.Rate == 0 && o.seconds > 0 {
		step.add("deliveries/s", float64(o.Delivered)/o.seconds, "/s")
		slices.Sort(o.lastAfter)
		step.add("last client after", o.lastAfter[len(o.lastAfter)/2], "ms")
		if len(o.lastAfter) > 1 {
			step.add("last client after, worst round", o.lastAfter[len(o.lastAfter)-1], "ms")
		}
	}
	if cpu, ok := before.cpu(after); ok {
		used := cpu.Seconds() * 1e6
		step.add("CPU an event", used/float64(o.events), "µs")
		if o.Delivered > 0 {
			step.add("CPU a delivery", used/float64(o.Delivered), "µs")
		}
	}
	if queries, ok := before.counted(after, "mapping_query_count"); ok && slices.Contains(p.Kinds, File) {
		step.add("queries", queries, "")
	}
	b.addMemory(after, o.Online)
	step.add("publisher late p99", ms(o.lateness.ValueAtQuantile(99)), "ms")
	step.add("published/s", float64(o.events)/max(o.publishing, 1e-6), "/s")
	if p.Rate > 0 {
		b.addAgainst(b.pacedFloor)
	} else {
		b.addAgainst(b.floor)
	}
	b.addEndings(o.tally)
	b.addHarness(before, after, o.harness, o.Clients)
	if o.unheard > 0 {
		b.note(fmt.Sprintf("%d events were published while no server was subscribed to Redis", o.unheard))
	}
}
