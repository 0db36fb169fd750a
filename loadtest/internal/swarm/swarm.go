package swarm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/process"
)

// Swarm is all simulated clients: those of this process, or of several. Safe for concurrent use: one command at a time.
type Swarm struct {
	mu      sync.Mutex
	workers []func(Command) reply
	helpers []*process.Helper
	own     *worker // nil when the clients are in helpers
}

// Start starts n processes of clients by a command that has to call [Work], or, when n is 0, keeps the clients in this process.
func Start(ctx context.Context, n int, helper []string) (*Swarm, error) {
	s := &Swarm{}
	if n == 0 {
		s.own = &worker{}
		s.workers = append(s.workers, s.own.execute)
	}
	for range n {
		h, err := process.StartHelper(ctx, helper)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.helpers = append(s.helpers, h)
		s.workers = append(s.workers, func(c Command) (r reply) {
			if err := h.Ask(c, &r); err != nil {
				r.Error = err.Error()
			}
			return r
		})
	}
	return s, nil
}

// PIDs are the processes of clients besides this one.
func (s *Swarm) PIDs() (pids []int) {
	for _, h := range s.helpers {
		pids = append(pids, h.PID())
	}
	return pids
}

// Close ends all clients, and the processes that Start has started.
func (s *Swarm) Close() {
	if s.own != nil {
		s.own.discard()
	}
	for _, h := range s.helpers {
		h.Close()
	}
}

// Do has all workers execute a command.
func (s *Swarm) Do(c Command) error {
	return s.each(func(i int) Command {
		part := c
		part.Count = s.share(c.Count, i)
		part.Rate /= float64(len(s.workers))
		if c.InFlight > 0 {
			part.InFlight = max(s.share(c.InFlight, i), 1)
		}
		part.Roster.First, part.Roster.Stride = i, len(s.workers)
		part.Roster.Clients = s.share(c.Roster.Clients, i)
		part.Roster.TokenPrefix = fmt.Sprintf("%s%d", c.Roster.TokenPrefix, i)
		return part
	}, nil)
}

// Counters adds up what all have counted.
func (s *Swarm) Counters() (total Counters, err error) {
	err = s.each(func(int) Command { return Command{Do: count} }, func(r reply) { total.Add(r.Counters) })
	return total, err
}

// Collection is what all have counted, with what the processes of the clients have used since the reset.
type Collection struct {
	Counters
	Histograms
	Harness process.Usage
}

// Collect adds up what all have counted and measured.
func (s *Swarm) Collect() (Collection, error) {
	total := Collection{Histograms: newHistograms()}
	err := s.each(func(int) Command { return Command{Do: collect} }, func(r reply) {
		total.Add(r.Counters)
		total.Harness.Resident += r.Harness.Resident
		total.Harness.CPU += r.Harness.CPU
		total.merge(r.Histograms)
	})
	return total, err
}

// share is what worker i takes of n.
func (s *Swarm) share(n, i int) int { return (n + len(s.workers) - 1 - i) / len(s.workers) }

// each gives every worker its command and takes all replies, if take is not nil.
func (s *Swarm) each(of func(i int) Command, take func(reply)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for i, execute := range s.workers {
		r := execute(of(i))
		switch {
		case r.Error != "":
			errs = append(errs, errors.New(r.Error))
		case take != nil:
			take(r)
		}
	}
	return errors.Join(errs...)
}

// Await looks at the counters until progress has reached wanted. It gives up when progress has not grown for patience; then done is
// false.
func (s *Swarm) Await(ctx context.Context, patience time.Duration, progress func(Counters) int, wanted int) (c Counters, done bool, err error) {
	const interval = 10 * time.Millisecond
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	best, since := -1, time.Now()
	for {
		if c, err = s.Counters(); err != nil {
			return c, false, err
		}
		switch n := progress(c); {
		case n >= wanted:
			return c, true, nil
		case n > best:
			best, since = n, time.Now()
		case time.Since(since) > patience:
			return c, false, nil
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return c, false, context.Cause(ctx)
		}
	}
}
