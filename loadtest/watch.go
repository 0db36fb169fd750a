package loadtest

import (
	"context"
	"sync"
	"time"
)

// Sample is what was to be seen at a moment of a run.
type Sample struct {
	// Seconds since the run began.
	Seconds float64 `json:"seconds"`
	Step    string  `json:"step"`
	// Online are the clients that are logged in.
	Online int `json:"online"`
	// MemoryMiB is the server's; CPU is its use of it since the sample before, in percent of one core.
	MemoryMiB float64 `json:"memory_mib"`
	CPU       float64 `json:"cpu"`
	// Delivered are the pushes a second since the sample before, and LoginsPerSecond the logins.
	Delivered       float64 `json:"delivered"`
	LoginsPerSecond float64 `json:"logins"`
}

const sampleEvery = 250 * time.Millisecond

// watcher takes samples, and shows them as they come.
type watcher struct {
	bench  *bench
	begun  time.Time
	last   time.Time
	cpu    time.Duration
	counts Tally

	samples []Sample
}

// watch takes samples until the function that it returns is called.
func (b *bench) watch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{bench: b, begun: time.Now(), last: time.Now()}
	var done sync.WaitGroup
	done.Go(func() {
		ticks := time.NewTicker(sampleEvery)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				w.sample()
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
		b.result.Samples = w.samples
	}
}

func (w *watcher) sample() {
	b := w.bench
	tally, err := b.crew.tally()
	if err != nil {
		return // the step that runs will meet the same error
	}
	at := time.Now()
	elapsed := at.Sub(w.last).Seconds()
	s := Sample{Seconds: at.Sub(w.begun).Seconds(), Online: tally.Online}
	if title := b.title.Load(); title != nil {
		s.Step = *title
	}
	if pid := b.server.pid.Load(); pid != 0 {
		if p, err := glanceAtProcess(int(pid)); err == nil {
			s.MemoryMiB = float64(p.Resident) / mib
			s.CPU = 100 * max((p.CPU-w.cpu).Seconds()/elapsed, 0)
			w.cpu = p.CPU
		}
	}
	s.Delivered = since(tally.EverDelivered, w.counts.EverDelivered) / elapsed
	s.LoginsPerSecond = since(tally.EverLoggedIn, w.counts.EverLoggedIn) / elapsed
	w.last, w.counts = at, tally
	w.samples = append(w.samples, s)
	p := Progress{Scenario: b.scenario.Name, Server: b.result.Server, Round: b.result.Round, Share: -1, Sample: s}
	if share := b.share.Load(); share != nil {
		p.Share = min((*share)(tally), 1)
	}
	b.options.progress(p)
}

// since is the growth of a counter, which begins anew when the clients are made anew.
func since(now, before int) float64 {
	if now < before {
		return float64(now)
	}
	return float64(now - before)
}
