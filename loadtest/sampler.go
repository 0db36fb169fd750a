package loadtest

import (
	"context"
	"sync"
	"time"

	"github.com/notifypush/notifypush/loadtest/internal/process"
	"github.com/notifypush/notifypush/loadtest/report"
)

const (
	sampleInterval = 250 * time.Millisecond
	// shortestSample is what the last must be; rates of less say little.
	shortestSample = 20 * time.Millisecond
)

// maxSamples are far more than a plot has room for. A run of hours keeps fewer of its readings.
const maxSamples = 4000

// sampler takes readings, shows samples as they come, and keeps some.
type sampler struct {
	execution *execution
	begun     time.Time
	last      reading
	kept      []reading // every so-many-th, and the one at the beginning
	every     int
	since     int // readings since the last of kept
}

// reading is the state at a moment.
type reading struct {
	at                          time.Time
	step                        string
	nodes                       []nodeReading
	online, delivered, loggedIn int // delivered and logged in since the clients were made
}

// nodeReading is the state of a node.
type nodeReading struct {
	process.Usage
	pid int32 // 0 when the server is not there, or not known
}

// startSampling takes samples until the function that it returns is called.
func (e *execution) startSampling(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	begun := reading{at: time.Now()}
	s := &sampler{execution: e, begun: begun.at, last: begun, kept: []reading{begun}, every: 1}
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
		if time.Since(s.last.at) >= shortestSample {
			s.take() // else a short run would leave nothing to draw
		}
		e.result.Samples = s.samples()
	}
}

func (s *sampler) take() {
	e := s.execution
	c, err := e.swarm.Counters()
	if err != nil {
		return // the step that runs will meet the same error
	}
	r := reading{at: time.Now(), online: c.Online, delivered: c.EverDelivered, loggedIn: c.EverLoggedIn}
	if title := e.title.Load(); title != nil {
		r.step = *title
	}
	for _, node := range e.nodes {
		var n nodeReading
		if pid := node.PID.Load(); pid != 0 {
			if n.Usage, err = process.Glance(int(pid)); err == nil {
				n.pid = pid
			}
		}
		r.nodes = append(r.nodes, n)
	}
	p := Progress{Scenario: e.scenario.Name, Server: e.result.Server, Round: e.result.Round, Share: -1, Sample: s.sample(r, s.last)}
	s.keep(r)
	if share := e.share.Load(); share != nil {
		p.Share = min((*share)(c), 1)
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
		Online:          r.online,
		Delivered:       growth(r.delivered, before.delivered) / elapsed,
		LoginsPerSecond: growth(r.loggedIn, before.loggedIn) / elapsed,
	}
	for i, node := range r.nodes {
		sample.MemoryMiB += float64(node.Resident) / mib
		if len(before.nodes) > i && node.pid != 0 && node.pid == before.nodes[i].pid {
			sample.CPU += 100 * (node.CPU - before.nodes[i].CPU).Seconds() / elapsed
		}
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

// keep keeps every second of what it has kept, and half as many from then on, whenever that has become too much.
func (s *sampler) keep(r reading) {
	s.last = r
	if s.since++; s.since < s.every {
		return
	}
	s.kept, s.since = append(s.kept, r), 0
	if len(s.kept) > maxSamples {
		for i := range len(s.kept)/2 + 1 {
			s.kept[i] = s.kept[2*i]
		}
		s.kept, s.every = s.kept[:len(s.kept)/2+1], s.every*2
	}
}

func (s *sampler) samples() (all []report.Sample) {
	for i := 1; i < len(s.kept); i++ {
		all = append(all, s.sample(s.kept[i], s.kept[i-1]))
	}
	return all
}
