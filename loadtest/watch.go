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

const (
	sampleEvery = 250 * time.Millisecond
	// shortestSample is what the last must be; rates of less say little.
	shortestSample = 20 * time.Millisecond
)

// watcher takes samples, shows them as they come, and keeps some.
type watcher struct {
	bench *bench
	begun time.Time
	shown reading // the one before

	kept    reading // the one that the last of samples is of
	samples []Sample
	every   int // one of so many readings is kept
	since   int // readings since kept
}

// reading is what has come together until a moment.
type reading struct {
	at      time.Time
	step    string
	pid     int32 // 0 when the server is not there, or not known
	process usage
	tally   tally
}

// watch takes samples until the function that it returns is called.
func (b *bench) watch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	begun := reading{at: time.Now()}
	w := &watcher{bench: b, begun: begun.at, shown: begun, kept: begun, every: 1}
	var done sync.WaitGroup
	done.Go(func() {
		ticks := time.NewTicker(sampleEvery)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				w.look()
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
		if time.Since(w.shown.at) >= shortestSample {
			w.look() // else a short run would leave nothing to draw
		}
		b.result.Samples = w.samples
	}
}

func (w *watcher) look() {
	b := w.bench
	tally, err := b.crew.tally()
	if err != nil {
		return // the step that runs will meet the same error
	}
	r := reading{at: time.Now(), tally: tally}
	if title := b.title.Load(); title != nil {
		r.step = *title
	}
	if pid := b.server.pid.Load(); pid != 0 {
		if r.process, err = glanceAtProcess(int(pid)); err == nil {
			r.pid = pid
		}
	}
	p := Progress{Scenario: b.scenario.Name, Server: b.result.Server, Round: b.result.Round, Share: -1, Sample: w.sample(r, w.shown)}
	w.shown = r
	w.keep(r)
	if share := b.share.Load(); share != nil {
		p.Share = min((*share)(tally), 1)
	}
	b.options.progress(p)
}

// sample has the rates since the reading before. What another process had computed says nothing about this one.
func (w *watcher) sample(r, before reading) Sample {
	elapsed := r.at.Sub(before.at).Seconds()
	s := Sample{
		Seconds:         r.at.Sub(w.begun).Seconds(),
		Step:            r.step,
		Online:          r.tally.Online,
		MemoryMiB:       float64(r.process.Resident) / mib,
		Delivered:       since(r.tally.EverDelivered, before.tally.EverDelivered) / elapsed,
		LoginsPerSecond: since(r.tally.EverLoggedIn, before.tally.EverLoggedIn) / elapsed,
	}
	if r.pid != 0 && r.pid == before.pid {
		s.CPU = 100 * (r.process.CPU - before.process.CPU).Seconds() / elapsed
	}
	return s
}

// maxSamples are far more than a plot has room for. A run of hours keeps fewer of them.
const maxSamples = 4000

func (w *watcher) keep(r reading) {
	if w.since++; w.since < w.every {
		return
	}
	w.samples = append(w.samples, w.sample(r, w.kept))
	w.kept, w.since = r, 0
	if len(w.samples) == maxSamples {
		w.samples = halved(w.samples)
		w.every *= 2
	}
}

// halved makes one of two neighbours: the later, with the rates of both. There are evenly many.
func halved(all []Sample) []Sample {
	for i := range len(all) / 2 {
		first, s := all[2*i], all[2*i+1]
		s.CPU = (first.CPU + s.CPU) / 2
		s.Delivered = (first.Delivered + s.Delivered) / 2
		s.LoginsPerSecond = (first.LoginsPerSecond + s.LoginsPerSecond) / 2
		all[i] = s
	}
	return all[:len(all)/2]
}

// since is the growth of a counter, which begins anew when the clients are made anew.
func since(now, before int) float64 {
	if now < before {
		return float64(now)
	}
	return float64(now - before)
}
