package loadtest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/loadtest/internal/clock"
	"github.com/notifypush/notifypush/loadtest/internal/process"
	"github.com/notifypush/notifypush/loadtest/internal/stand"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
	"github.com/notifypush/notifypush/loadtest/report"
)

// execution is one run of a scenario against one server. One goroutine owns it, but for what is atomic, which the sampler reads.
type execution struct {
	// set once
	*harness
	scenario  Scenario
	nodes     []*stand.Server  // of the server: one, or several of one Nextcloud
	balancer  *stand.Server    // nil: clients go to the nodes
	endpoints []swarm.Endpoint // to which clients go
	publisher *publisher
	result    *report.Result

	// atomic
	title atomic.Pointer[string]                       // of the present step
	share atomic.Pointer[func(swarm.Counters) float64] // how much of it is done; nil when that is not known

	// owned by the steps
	step            *report.StepResult // the present one
	err             error              // of the present one, the first; see check
	created         bool               // the clients
	connected       int                // clients that were asked to connect
	notReading      int                // those of them that do not read: the first
	connectedMemory int64              // the server's, when the last clients had logged in
	handshakeCPU    float64            // µs; 0 when it was not measured
	floorProcess    *stand.Floor       // while the floor is measured
	floor           *report.StepResult // of frames that were written at once; nil without one
	ratedFloor      *report.StepResult // of frames that were written at a rate
}

func (e *execution) run(ctx context.Context) error {
	begun := time.Now()
	defer func() { e.result.Seconds = time.Since(begun).Seconds() }()
	defer func() {
		for _, server := range e.servers() {
			server.Stop(ctx)
		}
	}()
	if err := e.startServer(ctx); err != nil {
		return err
	}
	defer func() { _ = e.swarm.Do(swarm.Command{Do: swarm.Discard}) }()
	defer e.startSampling(ctx)()
	for _, step := range e.scenario.Steps {
		if err := e.runStep(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

func (e *execution) startServer(ctx context.Context) error {
	if e.standIns == nil {
		return nil
	}
	e.setNextcloud(e.scenario.Nextcloud)
	if err := e.standIns.Flush(ctx); err != nil {
		return err
	}
	for i, node := range e.nodes {
		if err := node.Start(ctx, i+1); err != nil {
			return err
		}
	}
	if err := e.startBalancer(ctx); err != nil {
		return err
	}
	start := report.StepResult{Step: "start"}
	addSum(&start, "time", e.ofNodes(func(node *stand.Server) float64 { return node.StartTook.Seconds() }), "s")
	addSum(&start, "server memory", e.ofNodes(func(node *stand.Server) float64 { return float64(node.Empty.Resident) / mib }), "MiB")
	e.result.Steps = append(e.result.Steps, start)
	return nil
}

func (e *execution) startBalancer(ctx context.Context) (err error) {
	if e.options.Balancer == "" {
		return nil
	}
	if e.balancer, err = stand.NewBalancer(e.options.Balancer, e.nodes); err != nil {
		return err
	}
	e.endpoints = []swarm.Endpoint{{Address: e.balancer.Address, Path: e.balancer.Path}}
	return e.balancer.Start(ctx, 0)
}

// servers are the nodes, and the balancer before them.
func (e *execution) servers() []*stand.Server {
	if e.balancer == nil {
		return e.nodes
	}
	return append([]*stand.Server{e.balancer}, e.nodes...)
}

// ofNodes is a value of each node.
func (e *execution) ofNodes(value func(*stand.Server) float64) (all []float64) {
	for _, node := range e.nodes {
		all = append(all, value(node))
	}
	return all
}

// setNextcloud changes how the stand-in behaves from now on.
func (e *execution) setNextcloud(n Nextcloud) {
	e.scenario.Nextcloud = n
	behaviour := nextcloud.Behaviour{Delay: n.Delay, Workers: n.Workers}
	if n.Errors {
		behaviour.Fault = nextcloud.FaultError
	}
	e.standIns.Cloud.Behave(behaviour)
}

func (e *execution) runStep(ctx context.Context, step Step) error {
	title, action, err := step.action()
	if err != nil {
		return err
	}
	e.step, e.err = &report.StepResult{Step: title, Figures: []report.Figure{}}, nil
	defer func() { e.result.Steps = append(e.result.Steps, *e.step) }()
	e.share.Store(nil)
	e.title.Store(&title)
	stepCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, server := range e.servers() {
		if step.Restart == nil {
			go cancelAfter(stepCtx, cancel, server.Ended())
		}
	}
	action.run(stepCtx, e)
	err = e.err
	var ended error
	for _, server := range e.servers() {
		ended = cmp.Or(ended, server.Alive())
	}
	switch { // by what made all else fail
	case err == nil:
		return nil
	case ctx.Err() != nil:
		err = fmt.Errorf("interrupted: %w", context.Cause(ctx))
	case ended != nil:
		err = ended
	}
	return fmt.Errorf("%s, %s: %w", e.scenario.Name, title, err)
}

// check keeps the first error of a step. From then on nothing is waited for, so that the step comes to its end.
func (e *execution) check(err error) {
	if e.err == nil {
		e.err = err
	}
}

func (e *execution) wait(ctx context.Context, d time.Duration) {
	if e.err == nil {
		e.check(clock.Wait(ctx, d))
	}
}

// await is that of the swarm; done is true after an error, too.
func (e *execution) await(ctx context.Context, timeout time.Duration, progress func(swarm.Counters) int, wanted int) (c swarm.Counters, done bool) {
	if e.err == nil {
		var err error
		c, done, err = e.swarm.Await(ctx, timeout, progress, wanted)
		e.check(err)
	}
	return c, done || e.err != nil
}

func (e *execution) collect() swarm.Collection {
	c, err := e.swarm.Collect()
	e.check(err)
	return c
}

// cancelAfter ends a step when the server has ended, which may be hours before the step would end by itself.
func cancelAfter(ctx context.Context, cancel context.CancelFunc, ended <-chan struct{}) {
	select {
	case <-ended:
		cancel()
	case <-ctx.Done():
	}
}

// expect says how much of the step is done, as a share of 1.
func (e *execution) expect(share func(swarm.Counters) float64) { e.share.Store(&share) }

// expectTime is expect for a step that ends by the clock.
func (e *execution) expectTime(length time.Duration) {
	begun := time.Now()
	e.expect(func(swarm.Counters) float64 { return time.Since(begun).Seconds() / length.Seconds() })
}

// note is something that a reader of the step's figures should know.
func (e *execution) note(text string) { e.step.Notes = append(e.step.Notes, text) }

// createClients replaces all clients by some of the scenario for endpoints.
func (e *execution) createClients(endpoints ...swarm.Endpoint) {
	prefix := fmt.Sprintf("loadtest%d-", clock.Now())
	roster := swarm.Roster{
		Endpoints:   endpoints,
		Clients:     e.scenario.Clients,
		PerUser:     e.scenario.PerUser,
		FileIDs:     *e.scenario.FileIDs,
		TokenPrefix: prefix,
		Backoff:     e.scenario.Backoff,
	}
	switch o := e.options; {
	case o.Login != nil:
		roster.Fetch = func(i int, user string) (*swarm.Credentials, error) {
			login, err := o.Login(i, user)
			return (*swarm.Credentials)(&login), err
		}
	case o.Publish != nil:
		roster.Fetch = func(i int, user string) (*swarm.Credentials, error) {
			return swarm.PublishToken(fmt.Sprint(prefix, i), user, o.Publish)
		}
	case e.scenario.Login == loginToken:
		roster.RedisURL = e.redisURL()
	}
	e.connected, e.notReading, e.created = 0, 0, true
	e.check(e.swarm.Do(swarm.Command{Do: swarm.Create, Roster: roster}))
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

func ms(microseconds int64) float64 { return float64(microseconds) / 1e3 }

// addTimes adds the percentiles of a histogram in µs, as milliseconds.
func (e *execution) addTimes(name string, h *hdrhistogram.Histogram) {
	if h.TotalCount() == 0 {
		return
	}
	for _, p := range []float64{50, 90, 99, 99.9} {
		e.step.Add(fmt.Sprintf("%s p%v", name, p), ms(h.ValueAtQuantile(p)), "ms")
	}
	e.step.Add(name+" max", ms(h.Max()), "ms")
}

// atLeast is how many values of a histogram in µs are at least so long.
func atLeast(h *hdrhistogram.Histogram, limit time.Duration) (n int64) {
	for _, bar := range h.Distribution() {
		if bar.To >= limit.Microseconds() {
			n += bar.Count
		}
	}
	return n
}

func quantiles(h *hdrhistogram.Histogram) (all []report.Quantile) {
	const perHalving = 4 // between 0.5 and 0.75, between 0.75 and 0.875, and so on
	if h.TotalCount() == 0 {
		return nil
	}
	for _, bracket := range h.CumulativeDistributionWithTicks(perHalving) {
		all = append(all, report.Quantile{Share: bracket.Quantile / 100, MS: ms(bracket.ValueAt)})
	}
	return all
}

// addMemory is the server's memory: all of it, what it has grown by since the clients had logged in, and what it has grown by since
// its start for each client that is connected.
func (e *execution) addMemory(at snapshot, online int) {
	if !at.known() {
		return
	}
	var each []float64
	grown := at.resident()
	for i, node := range at.nodes {
		each = append(each, float64(node.Resident)/mib)
		grown -= e.nodes[i].Empty.Resident
	}
	addSum(e.step, "server memory", each, "MiB")
	e.step.Add("memory since the logins", float64(at.resident()-e.connectedMemory)/mib, "MiB")
	if online > 0 {
		e.step.Add("memory a connection", float64(grown)/float64(online)/kib, "KiB")
	}
}

// addHarness is what the simulated clients themselves cost, with all else that their processes do.
func (e *execution) addHarness(before, after snapshot, used process.Usage, clients int) {
	e.step.Add("harness memory a client", float64(used.Resident)/float64(max(clients, 1))/kib, "KiB")
	e.step.Add("harness CPU", 100*used.CPU.Seconds()*1e6/float64(max(after.at-before.at, 1)), "% of a core")
	e.addOthers(before, after)
}

// addDisconnects notes when connections ended that should have lasted, and when something came that is no push.
func (e *execution) addDisconnects(c swarm.Counters) {
	if len(c.Disconnects) > 0 {
		e.note("connections ended: " + disconnects(c))
	}
	if c.Unexpected > 0 {
		e.note(fmt.Sprintf("%d unexpected messages, such as %q", c.Unexpected, c.Example))
	}
}

// disconnects lists why connections ended, most frequent first.
func disconnects(c swarm.Counters) string {
	reasons := slices.SortedFunc(maps.Keys(c.Disconnects), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.Disconnects[b], c.Disconnects[a]), cmp.Compare(a, b))
	})
	var all []string
	for _, reason := range reasons {
		all = append(all, fmt.Sprintf("%d × %s", c.Disconnects[reason], reason))
	}
	return named(strings.Join(all, "; "), "no connection ended")
}
