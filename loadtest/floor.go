package loadtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Floor measures what no server can be better than: a bare loop in a process of its own writes the same frames to the same
// number of sockets, with the same clients at their other ends and nothing else around it. Steps of publishing that follow
// are compared with it: those with a rate with a floor that has one, the others with one without.
type Floor struct {
	// Name is shown in reports; empty means "floor".
	Name string `yaml:"name"`
	// Passes is how often a frame is written to every socket, one pass at a time; with AtOnce without waiting until the
	// clients have those of the pass before.
	Passes int  `yaml:"passes"`
	AtOnce bool `yaml:"at_once"`
	// Rate, instead, is how many frames are written a second, each to another socket, for For.
	Rate float64       `yaml:"rate"`
	For  time.Duration `yaml:"for"`
}

func (f *Floor) title() string { return named(f.Name, "floor") }

func (f *Floor) check() error {
	switch {
	case f.Passes < 0 || f.Rate < 0 || f.For < 0:
		return errors.New("floor: no number can be negative")
	case (f.Rate > 0) != (f.For > 0) || (f.Rate > 0) == (f.Passes > 0):
		return errors.New("floor: needs passes, or rate and for")
	}
	return nil
}

// floorInFlight is how many clients connect to the loop at once.
const floorInFlight = 64

func (f *Floor) run(ctx context.Context, b *bench) error {
	loop, err := startFloor(ctx, b.options.helper(helperFloor))
	if err != nil {
		return err
	}
	b.loop = loop
	defer func() {
		b.loop = nil
		loop.close()
	}()
	if err := b.recruit(loop.address, "/"); err != nil {
		return err
	}
	n := b.scenario.Clients
	if err := b.crew.do(order{Do: doConnect, Count: n, InFlight: floorInFlight}); err != nil {
		return err
	}
	tally, done, err := b.crew.await(ctx, connectPatience, func(t tally) int { return t.Online }, n)
	if err != nil {
		return err
	}
	if !done {
		return fmt.Errorf("only %d of %d clients are connected: %s", tally.Online, n, endings(tally))
	}
	return f.measure(ctx, b, loop)
}

func (f *Floor) measure(ctx context.Context, b *bench, loop *floorProcess) error {
	n := b.scenario.Clients
	orders := slices.Repeat([]floorOrder{{Passes: 1}}, max(f.Passes, 1))
	expected := n
	switch {
	case f.AtOnce:
		orders, expected = []floorOrder{{Passes: f.Passes}}, n*f.Passes
	case f.Rate > 0:
		expected = int(f.Rate * f.For.Seconds())
		orders = []floorOrder{{Rate: f.Rate, Writes: expected}}
	}
	before, err := b.begin(ctx)
	if err != nil {
		return err
	}
	used, err := readProcess(loop.pid())
	if err != nil {
		return err
	}
	total := newOutcome()
	for i, o := range orders {
		o.Step = uint32(i + 1)
		if err := b.crew.begin(now()); err != nil {
			return err
		}
		began, err := loop.write(o)
		if err != nil {
			return err
		}
		if _, _, err := b.crew.await(ctx, patience, func(t tally) int { return t.Delivered }, expected); err != nil {
			return err
		}
		c, err := b.crew.collect()
		if err != nil {
			return err
		}
		if c.Last == 0 {
			return fmt.Errorf("nothing of what the bare loop wrote has arrived: %s", endings(c.tally))
		}
		total.add(&outcome{tally: c.tally, expected: expected, latency: c.latency, lateness: newHistogram(),
			lastAfter: []float64{ms(c.Last - began)}, seconds: float64(c.Last-began) / 1e6, harness: c.harness})
	}
	usedAfter, err := readProcess(loop.pid())
	if err != nil {
		return err
	}
	after, err := b.moment(ctx)
	if err != nil {
		return err
	}
	f.report(b, total, usedAfter.CPU-used.CPU)
	b.addHarness(before, after, total.harness, total.Clients)
	// The clients belong to the loop; those for the server are made anew.
	b.recruited = false
	return b.crew.do(order{Do: doLeave})
}

func (f *Floor) report(b *bench, o *outcome, used time.Duration) {
	slices.Sort(o.lastAfter)
	b.step.add("delivered", float64(o.Delivered), "")
	b.step.add("lost", float64(o.expected-o.Delivered), "")
	b.step.add("CPU a delivery", used.Seconds()*1e6/float64(max(o.Delivered, 1)), "µs")
	if f.Rate == 0 {
		b.step.add("deliveries/s", float64(o.Delivered)/o.seconds, "/s")
		b.step.add("last client after", o.lastAfter[len(o.lastAfter)/2], "ms")
	}
	b.step.addTimes("latency", o.latency)
	b.step.Latency = quantiles(o.latency)
	if f.Rate > 0 {
		b.pacedFloor = b.step
	} else {
		b.floor = b.step
	}
}

// addAgainst compares a step with the floor of the same run, if there is one.
func (b *bench) addAgainst(floor *StepResult) {
	if floor == nil {
		return
	}
	for _, name := range []string{"CPU a delivery", "last client after", "deliveries/s", "latency p50", "latency p99"} {
		value, ok1 := b.step.Figure(name)
		least, ok2 := floor.Figure(name)
		if ok1 && ok2 && least > 0 {
			b.step.add(name+" / floor", value/least, "×")
		}
	}
}
