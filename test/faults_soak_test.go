package test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// soakSample is what the server takes at one moment.
type soakSample struct {
	at          time.Duration
	memory      float64 // MiB resident
	goroutines  float64
	descriptors float64
	connections float64
}

var soakQuantities = []struct {
	name  string
	value func(soakSample) float64
}{
	{"resident memory, MiB", func(s soakSample) float64 { return s.memory }},
	{"goroutines", func(s soakSample) float64 { return s.goroutines }},
	{"file descriptors", func(s soakSample) float64 { return s.descriptors }},
	{"connections", func(s soakSample) float64 { return s.connections }},
}

const (
	soakClients   = 200
	soakStay      = 20 * time.Second // of a client, on average, before it comes anew
	soakInterval  = 5 * time.Second  // between samples
	soakFaultTime = time.Minute      // between faults
)

// TestFaultsSoak goes on for FAULTS_SOAK (such as 2h) with clients that come and go and a fault every
// minute, and wants memory, goroutines and descriptors to be flat. FAULTS_SOAK_SVG names a file for a plot
// of them.
func TestFaultsSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("FAULTS_SOAK"))
	if err != nil {
		t.Skip("FAULTS_SOAK says how long to go on, as in FAULTS_SOAK=2h")
	}
	db := storagetest.Postgres(t)
	mounts := storagetest.NewNextcloud(t, db.CreateDatabase("nextcloud", "user", "pass"), "oc_")
	mounts.Mount(7, "bob", "files")
	s := newSite(t)
	p := s.serveAtOnce(fmt.Sprintf("DATABASE_URL=postgres://user:pass@127.0.0.1:%d/nextcloud?sslmode=disable", db.Port), "MAX_CONNECTIONS_PER_USER=1000")
	p.crowd(soakClients, soakStay)
	r := p.follow()
	faults := []struct {
		name string
		do   func()
	}{
		{"Redis is killed", func() { s.redis.Kill(); time.Sleep(3 * time.Second); s.redis.Start() }},
		{"the database is killed", func() { db.Kill(); time.Sleep(3 * time.Second); db.Start() }},
		{"Redis is paused", func() { s.redis.Pause(); time.Sleep(3 * time.Second); s.redis.Resume() }},
		{"the server is paused", func() { p.signal(syscall.SIGSTOP); time.Sleep(5 * time.Second); p.signal(syscall.SIGCONT) }},
		{"the database is paused", func() { db.Pause(); time.Sleep(3 * time.Second); db.Resume() }},
		{"the subscription is closed", func() { r.betweenEvents(func() { s.redis.Do("", "CLIENT", "KILL", "TYPE", "pubsub") }) }},
		{"nonsense", func() {
			for range 1000 {
				s.publishAtOnce(event{"notify_activity", "{"})
			}
		}},
	}

	var samples []soakSample
	began := time.Now()
	next := soakFaultTime
	ticker := time.NewTicker(soakInterval)
	defer ticker.Stop()
	for number := 0; time.Since(began) < length; <-ticker.C {
		samples = append(samples, p.sample(time.Since(began)))
		p.await("the database is asked", func() bool {
			return s.publish("notify_storage_update", fmt.Sprintf(`{"storage":%d,"path":"files/a","file_id":1}`, len(samples))) > 0
		})
		if time.Since(began) > next {
			fault := faults[number%len(faults)]
			fault.do()
			r.awaitNext()
			t.Logf("%v: %s", time.Since(began).Round(time.Second), fault.name)
			number++
			next += soakFaultTime
		}
	}
	r.finish().requireOnlyUnheard(t)
	writePlot(t, samples)
	for _, q := range soakQuantities {
		early, late := typical(samples[len(samples)/4:len(samples)/2], q.value), typical(samples[len(samples)*3/4:], q.value)
		t.Logf("toll: %s: %.1f in the second quarter, %.1f in the last", q.name, early, late)
		require.LessOrEqual(t, late, early*1.1+2, q.name)
	}
}

func (p *pushServer) sample(at time.Duration) soakSample {
	p.t.Helper()
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	return soakSample{
		at:          at,
		memory:      float64(p.residentMemory()) / (1 << 20),
		goroutines:  p.metric("go_goroutines"),
		descriptors: float64(len(descriptors)),
		connections: p.metric("active_connection_count"),
	}
}

// typical is the median.
func typical(samples []soakSample, value func(soakSample) float64) float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, value(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// writePlot draws the samples, a strip for each quantity.
func writePlot(t *testing.T, samples []soakSample) {
	t.Helper()
	path := os.Getenv("FAULTS_SOAK_SVG")
	if path == "" {
		return
	}
	const width, height, margin = 760, 110, 40
	svg := &strings.Builder{}
	fmt.Fprintf(svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", width+2*margin, len(soakQuantities)*(height+margin)+margin)
	fmt.Fprintf(svg, `<rect width="100%%" height="100%%" fill="white"/>`+"\n")
	last := samples[len(samples)-1].at
	for i, quantity := range soakQuantities {
		top, most := i*(height+margin)+margin, 0.0
		for _, s := range samples {
			most = max(most, quantity.value(s))
		}
		most *= 1.1
		fmt.Fprintf(svg, `<text x="%d" y="%d">%s</text>`+"\n", margin, top-6, quantity.name)
		fmt.Fprintf(svg, `<text x="%d" y="%d" text-anchor="end">%.0f</text><text x="%d" y="%d" text-anchor="end">0</text>`+"\n", margin-4, top+10, most, margin-4, top+height)
		fmt.Fprintf(svg, `<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="silver"/>`+"\n", margin, top, width, height)
		fmt.Fprint(svg, `<polyline fill="none" stroke="steelblue" points="`)
		for _, s := range samples {
			fmt.Fprintf(svg, "%.1f,%.1f ", margin+width*s.at.Seconds()/last.Seconds(), float64(top)+height*(1-quantity.value(s)/most))
		}
		fmt.Fprintln(svg, `"/>`)
		fmt.Fprintf(svg, `<text x="%d" y="%d" text-anchor="end">%v</text>`+"\n", margin+width, top+height+14, last.Round(time.Minute))
	}
	fmt.Fprintln(svg, "</svg>")
	require.NoError(t, os.WriteFile(path, []byte(svg.String()), 0o600))
}
