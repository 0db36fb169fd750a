package actors_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/transport/frame"
)

// BenchmarkScale holds the actors of many connections of as many users, who have logged in by password, on sockets in memory. It
// measures what a connection costs, an event to one user, and one to all, and how long the collector stops everything. docs/scaling.md
// has what it said.
func BenchmarkScale(b *testing.B) {
	for _, clients := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint("clients=", clients), func(b *testing.B) {
			if testing.Short() && clients > 10_000 {
				b.Skip("takes up to 5 GiB and some minutes")
			}
			measureScale(b, clients)
		})
	}
}

func measureScale(b *testing.B, clients int) {
	source := &benchSource{payloads: make(chan []byte, 1024)}
	names := make([]string, clients)
	mounts := make([]actors.Mount, clients)
	for i := range names {
		names[i] = fmt.Sprintf("user%07d", i)
		mounts[i] = mount(1, names[i], "")
	}
	system, err := actors.New(actors.Ports{Events: source, Mounts: sharedByAll(mounts), Verifier: acceptAll{}, Control: &actorstest.Control{}}, actors.Options{NoDebounce: true, DrainTimeout: new(time.Duration)})
	if err != nil {
		b.Fatal(err)
	}
	system.Start()
	sockets := make([]scaleSocket, clients)
	before := heapInUse()
	pauses := pausesUntilNow()

	d := &drain{}
	d.expect(clients)
	cpu := cpuTime()
	for i := range sockets {
		sockets[i].drain = d
		login, err := system.Authenticate(b.Context(), actors.Credentials{Login: names[i], Password: "secret"})
		if err == nil {
			err = system.Attach(login, &sockets[i])
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	<-d.done
	perLogin := float64((cpuTime() - cpu).Nanoseconds()) / float64(clients)
	perConnection := float64(heapInUse()-before) / float64(clients)
	debug.FreeOSMemory()

	const events = 50_000
	payloads := make([][]byte, events)
	for i := range payloads {
		payloads[i] = fmt.Appendf(nil, `{"user":%q,"message":"my_app_event","body":{"id":%d}}`, names[i*7919%clients], 100_000+i)
	}
	cpu = cpuTime()
	d.expect(events)
	for _, payload := range payloads {
		source.payloads <- payload
	}
	<-d.done
	perEvent := float64((cpuTime() - cpu).Nanoseconds()) / events

	change := func() {
		d.expect(clients)
		if err := system.Publish(b.Context(), actors.StorageUpdate{Storage: 1, Path: "files/a", FileID: 5}); err != nil {
			b.Fatal(err)
		}
		<-d.done
	}
	change() // the mapper knows the storage from now on
	start := time.Now()
	cpu = cpuTime()
	for b.Loop() {
		change()
	}
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(clients)/float64(b.N), "cpu-ns/delivery")
	b.ReportMetric(float64(time.Since(start).Milliseconds())/float64(b.N), "ms-to-all")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(perLogin, "cpu-ns/login")
	b.ReportMetric(perConnection, "B/conn")
	b.ReportMetric(perEvent, "cpu-ns/event")

	cpu = cpuTime()
	runtime.GC()
	b.ReportMetric(float64((cpuTime() - cpu).Milliseconds()), "cpu-ms/collection")
	b.ReportMetric(longest(pauses, pausesUntilNow())*1e6, "µs-longest-pause")
	system.Shutdown(b.Context())
}

// scaleSocket counts texts, and answers pings: connecting a million takes longer than a heartbeat.
type scaleSocket struct {
	client actors.Client
	drain  *drain // of texts
}

func (s *scaleSocket) Serve(client actors.Client) { s.client = client }
func (s *scaleSocket) Resume()                    {}
func (s *scaleSocket) Close(int, string)          {}
func (s *scaleSocket) Write(frames []byte) (bool, error) {
	for len(frames) > 0 {
		opcode, payload := frame.Opcode(frames[0]&0x0F), frames[2:2+frames[1]] // all are short
		switch opcode {
		case frame.Text:
			if s.drain.bytes.Add(1) == s.drain.want.Load() {
				close(s.drain.done)
			}
		case frame.Ping:
			s.client.Received([]frame.Frame{{Opcode: frame.Pong, Payload: slices.Clone(payload)}})
		}
		frames = frames[2+len(payload):]
	}
	return false, nil
}

type acceptAll struct{}

func (acceptAll) Verify(_ context.Context, credentials actors.Credentials) (actors.Identity, error) {
	return actors.Identity{User: credentials.Login}, nil
}

// sharedByAll are the mounts of one storage.
type sharedByAll []actors.Mount

func (m sharedByAll) MountsOfStorages(context.Context, []uint64) ([]actors.Mount, error) {
	return m, nil
}

// pausesUntilNow returns how often the collector has stopped everything, by how long.
func pausesUntilNow() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64Histogram()
}

// longest returns the upper bound of the longest pause between two of these, in seconds.
func longest(before, after *metrics.Float64Histogram) (seconds float64) {
	for i, count := range after.Counts {
		if count > before.Counts[i] && !math.IsInf(after.Buckets[i+1], 1) {
			seconds = after.Buckets[i+1]
		}
	}
	return seconds
}
