package loadtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/loadtest/internal/process"
)

func TestSamplesOfANightAreFewAndTrue(t *testing.T) {
	begun := reading{at: time.Now(), nodes: []nodeReading{{pid: 1}}}
	s := &sampler{begun: begun.at, kept: []reading{begun}, every: 1}
	const night = 6 * time.Hour
	for elapsed := sampleInterval; elapsed <= night; elapsed += sampleInterval {
		r := reading{at: begun.at.Add(elapsed), nodes: []nodeReading{{pid: 1, Usage: process.Usage{CPU: elapsed / 4}}}}
		r.delivered = int(elapsed / (10 * time.Millisecond))
		s.keep(r)
	}
	require.LessOrEqual(t, len(s.samples()), maxSamples)
	require.Greater(t, len(s.samples()), maxSamples/4)
	before := 0.0
	for _, sample := range s.samples() {
		require.Greater(t, sample.Seconds, before)
		before = sample.Seconds
		require.InDelta(t, 25, sample.CPU, 1e-6)
		require.InDelta(t, 100, sample.Delivered, 1e-6)
	}
	require.InDelta(t, night.Seconds(), before, 30)
}

func TestCPUBeginsAnewWithEachProcess(t *testing.T) {
	at := time.Now()
	s := &sampler{begun: at}
	before := reading{at: at}
	for _, next := range []struct {
		pid  int32
		cpu  time.Duration
		want float64
	}{
		{7, time.Hour, 0}, {7, time.Hour + time.Second, 100}, {8, 2 * time.Hour, 0}, {8, 2*time.Hour + 2*time.Second, 200}, {0, 0, 0}, {8, 3 * time.Hour, 0},
	} {
		at = at.Add(time.Second)
		r := reading{at: at, nodes: []nodeReading{{pid: next.pid, Usage: process.Usage{CPU: next.cpu}}}}
		require.InDelta(t, next.want, s.sample(r, before).CPU, 1e-9)
		before = r
	}
}
