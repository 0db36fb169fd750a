package loadtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// crew is all simulated clients: those of this process, or those of several.
type crew struct {
	mu      sync.Mutex // one order at a time
	workers []interface{ obey(order) report }
	closers []func()
}

// startCrew starts n processes of clients by command, or, when n is 0, keeps the clients in this process.
func startCrew(ctx context.Context, n int, command []string) (*crew, error) {
	c := &crew{}
	if n == 0 {
		own := &worker{}
		c.workers = append(c.workers, own)
		c.closers = append(c.closers, own.dismiss)
		return c, nil
	}
	for range n {
		process, err := startHelper(ctx, command)
		if err != nil {
			c.close()
			return nil, err
		}
		c.workers = append(c.workers, process)
		c.closers = append(c.closers, process.close)
	}
	return c, nil
}

// pids are the processes of clients besides this one.
func (c *crew) pids() (pids []int) {
	for _, w := range c.workers {
		if h, ok := w.(*helper); ok {
			pids = append(pids, h.pid())
		}
	}
	return pids
}

func (c *crew) close() {
	for _, end := range c.closers {
		end()
	}
}

// recruit replaces all clients.
func (c *crew) recruit(roster roster) error {
	return c.each(func(i int) order {
		mine := roster
		mine.First, mine.Stride = i, len(c.workers)
		mine.Clients = c.share(roster.Clients, i)
		mine.TokenPrefix = fmt.Sprintf("%s%d", roster.TokenPrefix, i)
		return order{Do: doRecruit, Roster: mine}
	}, func(report) error { return nil })
}

// share is what worker i takes of n.
func (c *crew) share(n, i int) int { return (n + len(c.workers) - 1 - i) / len(c.workers) }

// do has all workers obey; Count, InFlight and PerSecond are shared among them.
func (c *crew) do(o order) error {
	return c.each(func(i int) order { return c.part(o, i) }, func(report) error { return nil })
}

func (c *crew) part(o order, i int) order {
	o.Count = c.share(o.Count, i)
	o.PerSecond /= float64(len(c.workers))
	if o.InFlight > 0 {
		o.InFlight = max(c.share(o.InFlight, i), 1)
	}
	return o
}

// begin has all count anew, from that time.
func (c *crew) begin(at int64) error { return c.do(order{Do: doBegin, At: at}) }

// tally adds up what all have counted.
func (c *crew) tally() (total tally, err error) {
	err = c.each(func(int) order { return order{Do: doTally} }, func(r report) error {
		total.add(r.Tally)
		return nil
	})
	return total, err
}

// collection is what all have counted, with what it took the harness to do so.
type collection struct {
	tally
	histograms
	harness usage
}

func (c *crew) collect() (collection, error) {
	total := collection{histograms: newHistograms()}
	err := c.each(func(int) order { return order{Do: doCollect} }, func(r report) error {
		total.add(r.Tally)
		total.harness.Resident += r.Harness.Resident
		total.harness.CPU += r.Harness.CPU
		return total.merge(r.Histograms)
	})
	return total, err
}

// each gives every worker its order and takes all reports.
func (c *crew) each(of func(i int) order, take func(report) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for i, worker := range c.workers {
		r := worker.obey(of(i))
		if r.Error != "" {
			errs = append(errs, errors.New(r.Error))
			continue
		}
		errs = append(errs, take(r))
	}
	return errors.Join(errs...)
}

const pollEvery = 10 * time.Millisecond

// await looks at the tally until it is as wished. It gives up when nothing has changed for patience; then done is false.
func (c *crew) await(ctx context.Context, patience time.Duration, progress func(tally) int, wished int) (t tally, done bool, err error) {
	ticks := time.NewTicker(pollEvery)
	defer ticks.Stop()
	best, since := -1, time.Now()
	for {
		if t, err = c.tally(); err != nil {
			return t, false, err
		}
		switch n := progress(t); {
		case n >= wished:
			return t, true, nil
		case n > best:
			best, since = n, time.Now()
		case time.Since(since) > patience:
			return t, false, nil
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return t, false, context.Cause(ctx)
		}
	}
}
