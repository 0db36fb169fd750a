package loadtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Run runs the scenarios and reports what they gave. When one fails, the others are run all the same, and the report holds
// what there is.
func Run(ctx context.Context, options Options) (*Report, error) {
	r := &Report{Began: time.Now(), Machine: thisMachine(), Results: []Result{}}
	if err := options.Check(ctx); err != nil {
		return r, err
	}
	options.Scenarios = slices.Clone(options.Scenarios)
	for i := range options.Scenarios {
		options.Scenarios[i].setDefaults()
	}
	crew, err := startCrew(ctx, options.Workers, options.helper(helperWorker))
	if err != nil {
		return r, err
	}
	defer crew.close()
	stand, err := startStandInsFor(ctx, &options)
	if err != nil {
		return r, err
	}
	if stand != nil {
		defer stand.close()
	}
	var failures []error
	for _, turn := range options.turns() {
		r.Results = append(r.Results, turn.result())
		b := &bench{options: &options, scenario: turn.scenario, stand: stand, crew: crew, result: &r.Results[len(r.Results)-1]}
		if err := b.runWith(ctx, turn.server); err != nil {
			b.result.Error = err.Error()
			failures = append(failures, fmt.Errorf("load test: %w", err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return r, errors.Join(failures...)
}

// turn is one run of one scenario with one server.
type turn struct {
	scenario Scenario
	server   Server
	round    int
}

// turns has the servers take turns, each round in the other order, so that what changes with time falls on all of them.
func (o *Options) turns() (turns []turn) {
	servers := o.Servers
	if o.URL != "" {
		servers = []Server{{Label: o.URL}}
	}
	for _, scenario := range o.Scenarios {
		for round := range max(o.Rounds, 1) {
			order := slices.Clone(servers)
			if round%2 == 1 {
				slices.Reverse(order)
			}
			for _, server := range order {
				turns = append(turns, turn{scenario, server, round + 1})
			}
		}
	}
	return turns
}

func (t turn) result() Result {
	return Result{
		Scenario: t.scenario.Name,
		About:    t.scenario.About,
		Server:   t.server.name(),
		Command:  t.server.Command,
		Round:    t.round,
		Clients:  t.scenario.Clients,
		Steps:    []StepResult{},
	}
}

func startStandInsFor(ctx context.Context, options *Options) (*standIns, error) {
	if options.URL != "" {
		return nil, nil
	}
	var people population
	for _, scenario := range options.Scenarios {
		people.users = max(people.users, scenario.users())
		people.idle = max(people.idle, scenario.idleUsers())
	}
	return startStandIns(ctx, people)
}

func (b *bench) runWith(ctx context.Context, s Server) (err error) {
	if b.stand != nil {
		b.server, err = newServer(s.Command, b.stand, b.scenario.Debounce)
	} else {
		err = b.aim(ctx)
	}
	if err != nil {
		return err
	}
	if b.redis, err = dialRedis(b.redisURL()); err != nil {
		return err
	}
	defer b.redis.Close()
	if _, err := redis.DoWithTimeout(b.redis, redisTimeout, "PING"); err != nil { // such as a password that is missing
		return fmt.Errorf("speak to the Redis of the load test: %w", err)
	}
	b.publisher = &publisher{redis: b.redis}
	return b.run(ctx)
}

// aim takes a server that runs already.
func (b *bench) aim(ctx context.Context) error {
	address, path, err := b.options.endpoint(ctx)
	if err != nil {
		return err
	}
	b.server = &server{address: address, path: path, metrics: b.options.MetricsURL}
	if pid := b.options.PID; pid != 0 {
		b.server.pid.Store(int32(pid))
		found, err := readProcess(pid)
		if err != nil {
			return err
		}
		b.server.empty = found.Resident
	}
	b.scenario.Login = loginToken
	return nil
}
