package loadtest

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/clock"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
)

// Restart ends the server with SIGTERM, starts it again, and waits until the clients are back. The nodes of a fleet are restarted one after
// the other, each when the one before is ready.
type Restart struct {
	// Name is shown in reports; empty means "restart".
	Name string `yaml:"name"`
	// Node is the number of the only one that is restarted, from 1; 0 means all in turn.
	Node int `yaml:"node"`
	// Kill ends it without asking.
	Kill bool `yaml:"kill"`
	// Down is how long it stays away.
	Down time.Duration `yaml:"down"`
	// Rate is how many custom events a second are published meanwhile, to all users in turn; 0 means none.
	Rate float64 `yaml:"rate"`
}

func (r *Restart) run(ctx context.Context, e *execution) {
	if e.notReading > 0 { // a client that does not read does not learn that the server has gone
		e.resume(ctx)
	}
	stream := e.startStream(ctx, r.Rate)
	before := e.begin(ctx)
	stream.count(ctx, &before)
	var stopping, starting []float64
	for i := range e.nodes {
		if r.Node == 0 || r.Node == i+1 {
			stopped, started := r.restart(ctx, e, i, &before)
			stopping, starting = append(stopping, stopped), append(starting, started)
		}
	}
	if e.err == nil {
		addLongest(e.step, "stopping took", stopping, "s")
		addLongest(e.step, "starting took", starting, "s")
		e.awaitReturn(ctx)
	}
	expected := stream.end(ctx, before.at)
	e.await(ctx, deliveryTimeout, func(c swarm.Counters) int { return c.Delivered + c.Missed }, expected)
	after, c := e.end(ctx)
	if e.err != nil {
		return
	}
	e.connectedMemory = after.resident()
	e.addLogins(c, before, after)
	if stream != nil {
		stream.report(c, expected)
	}
}

// restart restarts a node, and returns how long it took to stop and to start.
func (r *Restart) restart(ctx context.Context, e *execution, i int, before *snapshot) (stopped, started float64) {
	if e.err != nil {
		return 0, 0
	}
	node, begun := e.nodes[i], time.Now()
	if r.Kill {
		node.Kill()
	} else {
		node.Stop(ctx)
	}
	stopped = time.Since(begun).Seconds()
	old := node.CPUTime()
	e.wait(ctx, r.Down)
	if e.err != nil {
		return 0, 0
	}
	e.check(node.Start(ctx, len(e.nodes)))
	before.replaceServer(i, old, node.AtStart)
	return stopped, node.StartTook.Seconds()
}

// awaitReturn waits until all clients are back. Of a fleet some may have logged in more than once, and others not at all.
func (e *execution) awaitReturn(ctx context.Context) {
	const noticed = 100 * time.Millisecond // by clients whose connection has ended
	back := func(c swarm.Counters) int { return c.Logins }
	if len(e.nodes) > 1 {
		e.wait(ctx, noticed)
		back = func(c swarm.Counters) int { return c.Online }
	}
	e.awaitClients(ctx, back, e.connected, returnTimeout)
}

// background is custom events that are published while something else is done. nil means that there are none.
type background struct {
	execution *execution
	stream    stream
	period    time.Duration // in which each user has at least one
	stop      chan struct{}
	done      chan struct{}

	// set once done
	published published
	err       error
}

// startStream returns when each user has had an event.
func (e *execution) startStream(ctx context.Context, rate float64) *background {
	if rate == 0 {
		return nil
	}
	b := &background{execution: e, stream: (&Publish{Rate: rate}).stream(e), stop: make(chan struct{}), done: make(chan struct{})}
	b.stream.events, b.stream.until = math.MaxInt, b.stop
	const least = time.Second
	b.period = least + time.Duration(float64(e.scenario.users())/rate*float64(time.Second))
	go func() {
		defer close(b.done)
		b.published, b.err = e.publisher.run(ctx, b.stream)
	}()
	e.wait(ctx, b.period)
	return b
}

// count has the clients count from a moment on that is still to come, so that none of the events due after it has been counted already.
func (b *background) count(ctx context.Context, before *snapshot) {
	if b == nil {
		return
	}
	const ahead = 100 * time.Millisecond
	before.at = clock.Now() + ahead.Microseconds()
	b.execution.check(b.execution.swarm.Do(swarm.Command{Do: swarm.Reset, At: before.at}))
	b.execution.wait(ctx, ahead)
}

// end goes on until each user has had an event more. It returns how many pushes the events should lead to that were due after a time.
func (b *background) end(ctx context.Context, from int64) (expected int) {
	if b == nil {
		return 0
	}
	b.execution.wait(ctx, b.period)
	close(b.stop)
	<-b.done
	b.execution.check(b.err)
	first := 0
	for first < b.published.events && b.published.began+clock.Due(first, b.stream.rate) < from {
		first++
	}
	return b.stream.expected(first, b.published.events)
}

// late is a push that came this long after it was due.
const late = time.Second

func (b *background) report(c swarm.Collection, expected int) {
	step := b.execution.step
	step.Add("expected", float64(expected), "")
	step.Add("delivered", float64(c.Delivered), "")
	step.Add("missed while away", float64(c.Missed), "")
	step.Add("lost", float64(max(expected-c.Delivered-c.Missed, 0)), "")
	step.Add("too many", float64(max(c.Delivered+c.Missed-expected, 0)), "")
	step.Add("late", float64(atLeast(c.Latency, late)), "")
	step.Add("duplicates", float64(c.Duplicates), "")
	step.Add("out of order", float64(c.OutOfOrder), "")
	step.Add("misdelivered", float64(c.Misdelivered), "")
	b.execution.addTimes("latency", c.Latency)
	step.Latency = quantiles(c.Latency)
	if n := b.published.noSubscriber; n > 0 {
		b.execution.note(fmt.Sprintf("%d events published without a subscriber at Redis", n))
	}
}
