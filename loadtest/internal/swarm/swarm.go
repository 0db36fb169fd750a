package swarm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/process"
)

// Swarm is all simulated clients: those of this process, or of several. Safe for concurrent use: commands take turns.
type Swarm struct {
	mu      sync.Mutex
	workers []func(command) reply
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
		s.workers = append(s.workers, func(c command) (r reply) {
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

// Create replaces all clients. They are offline.
func (s *Swarm) Create(roster Roster) error {
	return s.each(func(i int) command {
		mine := roster
		mine.First, mine.Stride = i, len(s.workers)
		mine.Clients = s.share(roster.Clients, i)
		mine.TokenPrefix = fmt.Sprintf("%s%d", roster.TokenPrefix, i)
		return command{Do: doCreate, Roster: mine}
	}, nil)
}

// Discard ends all clients.
func (s *Swarm) Discard() error { return s.do(command{Do: doDiscard}) }

// Connect lets the next n clients connect: at most inFlight at once (0: all), at most rate a second (0: as fast as they can). With
// handshakeOnly they hang up when the handshake is done.
func (s *Swarm) Connect(n, inFlight int, rate float64, handshakeOnly bool) error {
	return s.do(command{Do: doConnect, Count: n, InFlight: inFlight, Rate: rate, HandshakeOnly: handshakeOnly})
}

// Drop has all clients lose their connections and come back.
func (s *Swarm) Drop() error { return s.do(command{Do: doDrop}) }

// Leave has all clients hang up and stay away until the next Connect.
func (s *Swarm) Leave() error { return s.do(command{Do: doLeave}) }

// Pause has the first n clients stop reading; Resume has all read.
func (s *Swarm) Pause(n int) error { return s.do(command{Do: doPause, Count: n}) }

// Resume has all clients read.
func (s *Swarm) Resume() error { return s.do(command{Do: doResume}) }

// Churn has rate clients a second leave and come back after about that time, until a rate of 0.
func (s *Swarm) Churn(rate float64, away time.Duration) error {
	return s.do(command{Do: doChurn, Rate: rate, Away: away})
}

// Reset has all count from that time on, in µs since 1970.
func (s *Swarm) Reset(at int64) error { return s.do(command{Do: doReset, At: at}) }

// Counters adds up what all have counted.
func (s *Swarm) Counters() (total Counters, err error) {
	err = s.each(func(int) command { return command{Do: doCount} }, func(r reply) { total.Add(r.Counters) })
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
	err := s.each(func(int) command { return command{Do: doCollect} }, func(r reply) {
		total.Add(r.Counters)
		total.Harness.Resident += r.Harness.Resident
		total.Harness.CPU += r.Harness.CPU
		total.merge(r.Histograms)
	})
	return total, err
}

// do has all workers execute a command; Count, InFlight and Rate are shared among them.
func (s *Swarm) do(c command) error {
	return s.each(func(i int) command {
		part := c
		part.Count = s.share(c.Count, i)
		part.Rate /= float64(len(s.workers))
		if c.InFlight > 0 {
			part.InFlight = max(s.share(c.InFlight, i), 1)
		}
		return part
	}, nil)
}

// share is what worker i takes of n.
func (s *Swarm) share(n, i int) int { return (n + len(s.workers) - 1 - i) / len(s.workers) }

// each gives every worker its command and takes all replies, if take is not nil.
func (s *Swarm) each(of func(i int) command, take func(reply)) error {
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
