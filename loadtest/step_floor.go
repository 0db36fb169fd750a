package loadtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/clock"
	"github.com/notifypush/notifypush/loadtest/internal/process"
	"github.com/notifypush/notifypush/loadtest/internal/stand"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
	"github.com/notifypush/notifypush/loadtest/report"
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

func (f *Floor) check() error {
	if (f.Rate > 0) != (f.For > 0) || (f.Rate > 0) == (f.Passes > 0) {
		return errors.New("needs passes, or rate and for")
	}
	return nil
}

func (f *Floor) run(ctx context.Context, e *execution) {
	const inFlight = 64
	loop, err := stand.StartFloor(ctx, e.options.helper(helperFloor))
	if err != nil {
		e.check(err)
		return
	}
	e.floorProcess, e.step.Baseline = loop, true
	defer func() {
		e.floorProcess = nil
		loop.Close()
	}()
	e.createClients(swarm.Endpoint{Address: loop.Address, Path: "/"})
	n := e.scenario.Clients
	e.check(e.swarm.Do(swarm.Command{Do: swarm.Connect, Count: n, InFlight: inFlight}))
	c, done := e.await(ctx, connectTimeout, func(c swarm.Counters) int { return c.Online }, n)
	if !done {
		e.check(fmt.Errorf("%d of %d clients connected: %s", c.Online, n, disconnects(c)))
	}
	f.measure(ctx, e, loop)
	e.created = false // the clients belong to the loop
	e.check(e.swarm.Do(swarm.Command{Do: swarm.Leave}))
}

func (f *Floor) measure(ctx context.Context, e *execution, loop *stand.Floor) {
	n := e.scenario.Clients
	writes := slices.Repeat([]stand.FloorWrites{{Passes: 1}}, max(f.Passes, 1))
	expected := n
	switch {
	case f.AtOnce:
		writes, expected = []stand.FloorWrites{{Passes: f.Passes}}, n*f.Passes
	case f.Rate > 0:
		expected = int(f.Rate * f.For.Seconds())
		writes = []stand.FloorWrites{{Rate: f.Rate, Writes: expected}}
	}
	before := e.begin(ctx)
	usedBefore, err := process.CPUTime(loop.PID())
	e.check(err)
	total := newOutcome()
	for i, w := range writes {
		w.Step = uint32(i + 1)
		e.check(e.swarm.Do(swarm.Command{Do: swarm.Reset, At: clock.Now()}))
		began, err := loop.Write(w)
		e.check(err)
		o := e.awaitDeliveries(ctx, began, expected)
		if o.Last == 0 {
			e.check(fmt.Errorf("nothing delivered by the bare loop: %s", disconnects(o.Counters)))
		}
		total.add(o)
	}
	used, err := process.CPUTime(loop.PID())
	e.check(err)
	after := e.snapshot(ctx)
	if e.err == nil {
		f.report(e, total, used-usedBefore)
		e.addHarness(before, after, total.harness, total.Clients)
	}
}

func (f *Floor) report(e *execution, o *outcome, used time.Duration) {
	e.step.Add("delivered", float64(o.Delivered), "")
	e.step.Add("lost", float64(o.expected-o.Delivered), "")
	e.step.Add("CPU a delivery", used.Seconds()*1e6/float64(max(o.Delivered, 1)), "µs")
	if f.Rate == 0 {
		e.step.Add("deliveries/s", float64(o.Delivered)/o.seconds, "/s")
		e.step.Add("last client after", median(o.lastAfter), "ms")
	}
	e.addTimes("latency", o.latency)
	e.step.Latency = quantiles(o.latency)
	if f.Rate > 0 {
		e.ratedFloor = e.step
	} else {
		e.floor = e.step
	}
}

// addAgainst compares a step with the floor of the same run, if there is one.
func (e *execution) addAgainst(floor *report.StepResult) {
	if floor == nil {
		return
	}
	for _, name := range []string{"CPU a delivery", "last client after", "deliveries/s", "latency p50", "latency p99"} {
		value, ok1 := e.step.Figure(name)
		least, ok2 := floor.Figure(name)
		if ok1 && ok2 && least > 0 {
			e.step.Add(name+" / floor", value/least, "×")
		}
	}
}
