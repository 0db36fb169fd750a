package loadtest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/notifypush/notifypush/loadtest/internal/process"
	"github.com/notifypush/notifypush/loadtest/internal/stand"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
	"github.com/notifypush/notifypush/loadtest/internal/wire"
	"github.com/notifypush/notifypush/loadtest/report"
)

// Run runs the scenarios and reports what they gave. When one fails, the others are run all the same, and the report holds
// what there is.
func Run(ctx context.Context, options Options) (*report.Report, error) {
	r := &report.Report{Began: time.Now(), Machine: report.Machine{CPUs: runtime.NumCPU(), Busy: options.Busy}, Results: []report.Result{}}
	r.Machine.CPU, r.Machine.Kernel = process.Machine()
	if err := options.Check(ctx); err != nil {
		return r, err
	}
	options.Scenarios = slices.Clone(options.Scenarios)
	for i := range options.Scenarios {
		options.Scenarios[i].setDefaults()
	}
	h := &harness{options: &options}
	defer h.close()
	if err := h.start(ctx); err != nil {
		return r, err
	}
	var failures []error
	for _, job := range options.jobs() {
		r.Results = append(r.Results, job.result())
		e := &execution{harness: h, scenario: job.scenario, result: &r.Results[len(r.Results)-1]}
		if err := e.runWith(ctx, job.server); err != nil {
			e.result.Error = err.Error()
			failures = append(failures, fmt.Errorf("load test: %w", err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return r, errors.Join(failures...)
}

// harness is what all executions of a load test share.
type harness struct {
	options  *Options
	swarm    *swarm.Swarm
	standIns *stand.Dependencies // nil when the server runs already
	busy     []*process.Helper
}

func (h *harness) start(ctx context.Context) (err error) {
	o := h.options
	if h.swarm, err = swarm.Start(ctx, o.Workers, o.helper(helperWorker)); err != nil {
		return err
	}
	for range o.Busy {
		busy, err := process.StartHelper(ctx, o.helper(helperBusy))
		if err != nil {
			return err
		}
		h.busy = append(h.busy, busy)
	}
	if o.running() {
		return nil
	}
	var people stand.Population
	for _, scenario := range o.Scenarios {
		people.Users = max(people.Users, scenario.users())
		people.Idle = max(people.Idle, scenario.idleUsers())
	}
	h.standIns, err = stand.Start(ctx, people)
	return err
}

func (h *harness) close() {
	if h.swarm != nil {
		h.swarm.Close()
	}
	for _, busy := range h.busy {
		busy.Close()
	}
	if h.standIns != nil {
		h.standIns.Close()
	}
}

// job is one run of one scenario with one server.
type job struct {
	scenario Scenario
	server   Server
	round    int
}

// jobs alternates between the servers, each round in the other order, so that what changes with time affects all of them.
func (o *Options) jobs() (jobs []job) {
	servers := o.Servers
	if o.running() {
		servers = []Server{{Label: strings.Join(o.urls(), ", ")}}
	}
	for _, scenario := range o.Scenarios {
		for round := range max(o.Rounds, 1) {
			order := slices.Clone(servers)
			if round%2 == 1 {
				slices.Reverse(order)
			}
			for _, server := range order {
				jobs = append(jobs, job{scenario, server, round + 1})
			}
		}
	}
	return jobs
}

func (j job) result() report.Result {
	builtIn, err := Load(j.scenario.Name)
	return report.Result{
		Scenario: j.scenario.Name,
		About:    j.scenario.About,
		Server:   j.server.name(),
		Command:  j.server.Command,
		Round:    j.round,
		Clients:  j.scenario.Clients,
		Resized:  err != nil || builtIn.Clients != j.scenario.Clients || builtIn.Nodes != j.scenario.Nodes,
		Steps:    []report.StepResult{},
	}
}

func (e *execution) runWith(ctx context.Context, s Server) (err error) {
	if e.standIns != nil {
		err = e.describeNodes(s.Command)
	} else {
		err = e.useRunningServer(ctx)
	}
	if err != nil {
		return err
	}
	e.publisher = &publisher{publish: e.options.Publish}
	if e.publisher.publish == nil {
		conn, err := wire.DialRedis(e.redisURL())
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := redis.DoWithTimeout(conn, wire.RedisTimeout, "PING"); err != nil { // such as a password that is missing
			return fmt.Errorf("connect to the Redis of the load test: %w", err)
		}
		e.publisher.redis = conn
	}
	return e.run(ctx)
}

// describeNodes says which servers are to be started.
func (e *execution) describeNodes(command string) error {
	for i := range e.scenario.Nodes {
		node, err := stand.NewServer(command, e.standIns, e.scenario.Debounce, i)
		if err != nil {
			return err
		}
		e.nodes = append(e.nodes, node)
		e.endpoints = append(e.endpoints, swarm.Endpoint{Address: node.Address, Path: node.Path})
	}
	return nil
}

func (e *execution) useRunningServer(ctx context.Context) (err error) {
	e.scenario.Login = loginToken
	if e.endpoints, err = e.options.endpoints(ctx); err != nil {
		return err
	}
	for _, n := range e.options.nodes() {
		node, err := stand.RunningServer(n.MetricsURL, n.PID)
		if err != nil {
			return err
		}
		e.nodes = append(e.nodes, node)
	}
	return nil
}

func (e *execution) redisURL() string {
	if e.standIns == nil {
		return e.options.RedisURL
	}
	return e.standIns.RedisURL
}
