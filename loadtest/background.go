package loadtest

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/clock"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
)

// comeBack does something that clients lose their connections by, and waits until they are back, while so many custom events a second go
// on; it reports what that took, and what became of the events.
func (e *execution) comeBack(ctx context.Context, rate float64, do func(before *snapshot)) {
	stream := e.startStream(ctx, rate)
	before := e.begin(ctx)
	stream.count(ctx, &before)
	do(&before)
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

// background is custom events that are published while something else is done. nil means that there are none.
type background struct {
	execution *execution
	stream    stream
	stop      chan struct{}
	done      chan struct{}

	// set once done
	published published
	err       error
}

// startStream returns when each client has had an event.
func (e *execution) startStream(ctx context.Context, rate float64) *background {
	if rate == 0 {
		return nil
	}
	b := &background{execution: e, stream: (&Publish{Rate: rate}).stream(e), stop: make(chan struct{}), done: make(chan struct{})}
	b.stream.events, b.stream.until = math.MaxInt, b.stop
	before := e.collect().EverDelivered
	go func() {
		defer close(b.done)
		b.published, b.err = e.publisher.run(ctx, b.stream)
	}()
	e.await(ctx, deliveryTimeout, func(c swarm.Counters) int { return c.EverDelivered - before }, e.reading(0, e.connected))
	return b
}

// count has the clients count from a moment on that is still to come, so that none of the events due after it has been counted already.
func (b *background) count(ctx context.Context, before *snapshot) {
	if b == nil {
		return
	}
	ahead := 100 * time.Millisecond
	for { // again with twice the time, if that took too long
		before.at = clock.Now() + ahead.Microseconds()
		b.execution.check(b.execution.swarm.Do(swarm.Command{Do: swarm.Reset, At: before.at}))
		if before.at > clock.Now() {
			break
		}
		ahead *= 2
	}
	b.execution.wait(ctx, ahead)
}

// end goes on until each user has had an event more, which shows what was missed before it. It returns how many pushes the events should
// lead to that were due after a time.
func (b *background) end(ctx context.Context, from int64) (expected int) {
	if b == nil {
		return 0
	}
	const least = time.Second
	b.execution.wait(ctx, least+time.Duration(float64(b.execution.scenario.users())/b.stream.rate*float64(time.Second)))
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
