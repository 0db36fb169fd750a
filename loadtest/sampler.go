package loadtest

import (
	"context"
	"sync"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/process"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
	"github.com/notifypush/notifypush/loadtest/report"
)

const (
	sampleInterval = 250 * time.Millisecond
	// shortestSample is what the last must be; rates of less say little.
	shortestSample = 20 * time.Millisecond
)

// sampler takes samples, shows them as they come, and keeps some.
type sampler struct {
	execution *execution
	begun     time.Time
	shown     reading // the one before

	kept    reading // the one that the last of samples is of
	samples []report.Sample
	every   int // one of so many readings is kept
	since   int // readings since kept
}

// reading is the state at a moment.
type reading struct {
	at       time.Time
	step     string
	pid      int32 // 0 when the server is not there, or not known
	process  process.Usage
	counters swarm.Counters
}

// startSampling takes samples until the function that it returns is called.
func (e *execution) startSampling(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	begun := reading{at: time.Now()}
	s := &sampler{execution: e, begun: begun.at, shown: begun, kept: begun, every: 1}
	var done sync.WaitGroup
	done.Go(func() {
		ticks := time.NewTicker(sampleInterval)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				s.take()
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
		if time.Since(s.shown.at) >= shortestSample {
			s.take() // else a short run would leave nothing to draw
		}
		e.result.Samples = s.samples
	}
}

func (s *sampler) take() {
	e := s.execution
	counters, err := e.swarm.Counters()
	if err != nil {
		return // the step that runs will meet the same error
	}
	r := reading{at: time.Now(), counters: counters}
	if title := e.title.Load(); title != nil {
		r.step = *title
	}
	if pid := e.server.PID.Load(); pid != 0 {
		if r.process, err = process.Glance(int(pid)); err == nil {
			r.pid = pid
		}
	}
	p := Progress{Scenario: e.scenario.Name, Server: e.result.Server, Round: e.result.Round, Share: -1, Sample: s.sample(r, s.shown)}
	s.shown = r
	s.keep(r)
	if share := e.share.Load(); share != nil {
		p.Share = min((*share)(counters), 1)
	}
	if e.options.Progress != nil {
		e.options.Progress(p)
	}
}

// sample has the rates since the reading before. What another process had used says nothing about this one.
func (s *sampler) sample(r, before reading) report.Sample {
	elapsed := r.at.Sub(before.at).Seconds()
	sample := report.Sample{
		Seconds:         r.at.Sub(s.begun).Seconds(),
		Step:            r.step,
		Online:          r.counters.Online,
		MemoryMiB:       float64(r.process.Resident) / mib,
		Delivered:       growth(r.counters.EverDelivered, before.counters.EverDelivered) / elapsed,
		LoginsPerSecond: growth(r.counters.EverLoggedIn, before.counters.EverLoggedIn) / elapsed,
	}
	if r.pid != 0 && r.pid == before.pid {
		sample.CPU = 100 * (r.process.CPU - before.process.CPU).Seconds() / elapsed
	}
	return sample
}

// growth is that of a counter, which begins anew when the clients are made anew.
func growth(now, before int) float64 {
	if now < before {
		return float64(now)
	}
	return float64(now - before)
}

// maxSamples are far more than a plot has room for. A run of hours keeps fewer of them.
const maxSamples = 4000

func (s *sampler) keep(r reading) {
	if s.since++; s.since < s.every {
		return
	}
	s.samples = append(s.samples, s.sample(r, s.kept))
	s.kept, s.since = r, 0
	if len(s.samples) == maxSamples {
		s.samples = halved(s.samples)
		s.every *= 2
	}
}

// halved makes one of two samples in a row: the later, with the rates of both. There are evenly many.
func halved(all []report.Sample) []report.Sample {
	for i := range len(all) / 2 {
		first, s := all[2*i], all[2*i+1]
		s.CPU = (first.CPU + s.CPU) / 2
		s.Delivered = (first.Delivered + s.Delivered) / 2
		s.LoginsPerSecond = (first.LoginsPerSecond + s.LoginsPerSecond) / 2
		all[i] = s
	}
	return all[:len(all)/2]
}
