package loadtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSamplesOfANightAreFewAndTrue(t *testing.T) {
	begun := reading{at: time.Now(), pid: 1}
	w := &watcher{begun: begun.at, kept: begun, every: 1}
	const night = 6 * time.Hour
	for elapsed := sampleEvery; elapsed <= night; elapsed += sampleEvery {
		r := reading{at: begun.at.Add(elapsed), pid: 1, process: usage{CPU: elapsed / 4}}
		r.tally.EverDelivered = int(elapsed / (10 * time.Millisecond))
		w.keep(r)
	}
	require.Less(t, len(w.samples), maxSamples)
	require.Greater(t, len(w.samples), maxSamples/4)
	before := 0.0
	for _, s := range w.samples {
		require.Greater(t, s.Seconds, before)
		before = s.Seconds
		require.InDelta(t, 25, s.CPU, 1e-6)
		require.InDelta(t, 100, s.Delivered, 1e-6)
	}
	require.InDelta(t, night.Seconds(), before, 30)
}

func TestCPUBeginsAnewWithEachProcess(t *testing.T) {
	at := time.Now()
	w := &watcher{begun: at}
	before := reading{at: at}
	for _, next := range []struct {
		pid  int32
		cpu  time.Duration
		want float64
	}{
		{7, time.Hour, 0}, {7, time.Hour + time.Second, 100}, {8, 2 * time.Hour, 0}, {8, 2*time.Hour + 2*time.Second, 200}, {0, 0, 0}, {8, 3 * time.Hour, 0},
	} {
		at = at.Add(time.Second)
		r := reading{at: at, pid: next.pid, process: usage{CPU: next.cpu}}
		require.InDelta(t, next.want, w.sample(r, before).CPU, 1e-9)
		before = r
	}
}
