package loadtest

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Run runs the scenarios and reports what they gave. The report holds what there is also when a scenario failed.
func Run(ctx context.Context, options Options) (*Report, error) {
	r := &Report{Began: time.Now(), Machine: thisMachine()}
	if err := options.check(ctx); err != nil {
		return r, err
	}
	crew, err := startCrew(ctx, options.Workers, options.helper(HelperWorker))
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
	for _, scenario := range options.Scenarios {
		r.Results = append(r.Results, Result{})
		if err := runScenario(ctx, &options, scenario, stand, crew, &r.Results[len(r.Results)-1]); err != nil {
			return r, fmt.Errorf("load test: %w", err)
		}
	}
	return r, nil
}

func startStandInsFor(ctx context.Context, options *Options) (*standIns, error) {
	if options.ServerCommand == "" {
		return nil, nil
	}
	users := 0
	for _, scenario := range options.Scenarios {
		users = max(users, scenario.users())
	}
	return startStandIns(ctx, users)
}

func runScenario(ctx context.Context, options *Options, scenario Scenario, stand *standIns, crew *crew, result *Result) error {
	*result = Result{Scenario: scenario.Name, About: scenario.About, Server: options.ServerCommand, Clients: scenario.Clients}
	b := &bench{options: options, scenario: scenario, stand: stand, crew: crew, result: result}
	var err error
	if stand != nil {
		b.server, err = newServer(options.ServerCommand, stand, scenario.Debounce)
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
	return b.run(ctx)
}

// aim takes a server that runs already.
func (b *bench) aim(ctx context.Context) error {
	address, path, err := b.options.endpoint(ctx)
	if err != nil {
		return err
	}
	b.result.Server = b.options.URL
	b.server = &server{address: address, path: path, metrics: b.options.MetricsURL}
	if pid := b.options.PID; pid != 0 {
		b.server.pid.Store(int32(pid))
		if b.server.empty, err = ReadProcess(pid); err != nil {
			return err
		}
	}
	b.scenario.Login = loginToken
	return b.checkOwnServer()
}

// checkOwnServer refuses what cannot be asked of somebody else's server: files of users that it does not know, and a restart.
func (b *bench) checkOwnServer() error {
	for _, step := range b.scenario.Steps {
		if step.Restart != nil || step.Nextcloud != nil || step.Publish != nil && slices.Contains(step.Publish.Kinds, File) {
			return fmt.Errorf("%s: it needs a server, a database and a Nextcloud of its own; use a command that starts the server", b.scenario.Name)
		}
	}
	return nil
}
