package actors_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// benchClients is how many clients the figures of docs/performance.md are for.
const benchClients = 15_000

// drain counts the bytes that sockets were sent, and tells when there have been enough.
type drain struct {
	bytes atomic.Int64
	want  atomic.Int64
	done  chan struct{}
}

func (d *drain) expect(bytes int) {
	d.done = make(chan struct{})
	d.want.Store(d.bytes.Load() + int64(bytes))
}

// benchSocket is as cheap as a socket can be.
type benchSocket struct {
	client actors.Client
	drain  *drain
}

func (s *benchSocket) Serve(client actors.Client) { s.client = client }
func (s *benchSocket) Resume()                    {}
func (s *benchSocket) Close(int, string)          {}
func (s *benchSocket) Write(frames []byte) (bool, error) {
	if s.drain.bytes.Add(int64(len(frames))) == s.drain.want.Load() {
		close(s.drain.done)
	}
	return false, nil
}

// benchCrowd starts a System with connected users, each of whom sees all of storage 1.
func benchCrowd(b *testing.B, change func(*actors.Options)) (*actorstest.Kit, *drain, []*benchSocket) {
	kit := actorstest.Start(b, change)
	sockets := make([]*benchSocket, benchClients)
	mounts := make([]actors.Mount, benchClients)
	d := &drain{}
	d.expect(benchClients * len("..authenticated"))
	for i := range sockets {
		user := fmt.Sprint("user", i)
		mounts[i] = mount(1, user, "")
		sockets[i] = &benchSocket{drain: d}
		if err := kit.System.Attach(kit.Login(b, user), sockets[i]); err != nil {
			b.Fatal(err)
		}
	}
	kit.Mounts.Set(mounts...)
	<-d.done
	return kit, d, sockets
}

// measure runs work, which delivers so many pushes, b.N times, and reports what one delivery costs.
func measure(b *testing.B, deliveries int, work func()) {
	b.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cpu := cpuTime()
	for b.Loop() {
		work()
	}
	cpu = cpuTime() - cpu
	runtime.ReadMemStats(&after)
	n := float64(deliveries) * float64(b.N)
	b.ReportMetric(float64(cpu.Nanoseconds())/n, "cpu-ns/delivery")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/n, "allocs/delivery")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/n, "B/delivery")
	b.ReportMetric(n/b.Elapsed().Seconds(), "deliveries/s")
}

// One file event reaches all clients.
func BenchmarkFileEventToAll(b *testing.B) {
	kit, d, _ := benchCrowd(b, immediately)
	measure(b, benchClients, func() {
		d.expect(benchClients * len("..notify_file"))
		kit.Events.Emit("notify_storage_update", `{"storage":1,"path":"files/a","file_id":5}`)
		<-d.done
	})
}

// The same through the debounce: every push is held for a while.
func BenchmarkHeldFileEventToAll(b *testing.B) {
	kit, d, _ := benchCrowd(b, func(o *actors.Options) { o.MaxDebounceTime = new(time.Duration) })
	measure(b, benchClients, func() {
		d.expect(benchClients * len("..notify_file"))
		kit.Events.Emit("notify_storage_update", `{"storage":1,"path":"files/a","file_id":5}`)
		<-d.done
	})
}

// 100,000 custom events at once, from bytes to frames.
func Benchmark100kCustomEvents(b *testing.B) {
	const events = 100_000
	source := &benchSource{payloads: make(chan []byte, 1024)}
	system, err := actors.New(actors.Ports{Events: source, Mounts: &actorstest.Mounts{}, Verifier: &actorstest.Verifier{}, Control: &actorstest.Control{}}, actors.Options{})
	if err != nil {
		b.Fatal(err)
	}
	system.Start()
	b.Cleanup(func() { system.Shutdown(b.Context()) })
	kit := &actorstest.Kit{System: system}
	d := &drain{}
	payloads := make([][]byte, benchClients)
	for i := range payloads {
		user := fmt.Sprint("user", i)
		payloads[i] = fmt.Appendf(nil, `{"user":%q,"message":"my_app_event","body":{"id":%d}}`, user, 100_000+i)
		if err := system.Attach(kit.Login(b, user), &benchSocket{drain: d}); err != nil {
			b.Fatal(err)
		}
	}
	measure(b, events, func() {
		d.expect(events * len(`..my_app_event {"id":100000}`))
		for i := range events {
			source.payloads <- payloads[i%benchClients]
		}
		<-d.done
	})
}

// benchSource hands on custom events as fast as they come.
type benchSource struct{ payloads chan []byte }

func (s *benchSource) Receive(ctx context.Context, _ []string, subscribed func(), message func(string, []byte)) error {
	subscribed()
	for {
		select {
		case payload := <-s.payloads:
			message("notify_custom", payload)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Events for storages of nobody connected, known and unknown to the cache.
func BenchmarkEventsForNobody(b *testing.B) {
	for name, storages := range map[string]int{"cached": 1000, "unknown": 1 << 30} {
		b.Run(name, func(b *testing.B) {
			kit := actorstest.Start(b, nil)
			next := 0
			measure(b, 1000, func() {
				for range 1000 {
					next++
					_ = kit.System.Publish(b.Context(), actors.StorageUpdate{Storage: uint64(next % storages), Path: "files/a", FileID: 5})
				}
				if err := kit.System.Probe(b.Context()); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// What a connection costs while nothing happens: its actors, its user's, and their share of the
// tables, without the socket.
func BenchmarkIdleConnection(b *testing.B) {
	for b.Loop() {
		inUse := func() uint64 {
			var stats runtime.MemStats
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(&stats)
			return stats.HeapAlloc + stats.StackInuse
		}
		kit := actorstest.Start(b, func(o *actors.Options) { o.DrainTimeout = new(time.Duration) })
		before := inUse()
		logins := make([]*actors.Login, benchClients)
		for i := range logins {
			logins[i] = kit.Login(b, fmt.Sprint("user", i))
		}
		loggedIn := inUse()
		d := &drain{}
		d.expect(benchClients * len("..authenticated"))
		sockets := make([]benchSocket, benchClients)
		cpu := cpuTime()
		for i := range sockets {
			sockets[i].drain = d
			_ = kit.System.Attach(logins[i], &sockets[i])
		}
		<-d.done
		cpu = cpuTime() - cpu
		b.ReportMetric(float64(inUse()-loggedIn)/benchClients, "B/conn")
		b.ReportMetric(float64(loggedIn-before)/benchClients, "B/login")
		b.ReportMetric(float64(cpu.Nanoseconds())/benchClients, "cpu-ns/attach")
		kit.System.Shutdown(b.Context())
		clear(logins) // nothing of this round is in the next one's figure
		clear(sockets)
	}
}

// A client that logs in with a token, is attached and leaves.
func BenchmarkConnectAndLeave(b *testing.B) {
	kit := actorstest.Start(b, nil)
	login := kit.Login(b, "alice")
	measure(b, 1, func() {
		socket := &benchSocket{drain: &drain{}}
		if err := kit.System.Attach(login, socket); err != nil {
			b.Fatal(err)
		}
		socket.client.Ended(actors.ClosedByClient)
	})
}

// One custom event at a time, from bytes to the frame: what a client waits for.
func BenchmarkOneCustomEvent(b *testing.B) {
	kit, d, _ := benchCrowd(b, nil)
	payload := `{"user":"user7","message":"my_app_event"}`
	measure(b, 1, func() {
		d.expect(len("..my_app_event"))
		kit.Events.Emit("notify_custom", payload)
		<-d.done
	})
}

// A storm: 2,000 files change in a folder that all clients see, as fast as the events come. What
// counts is the CPU time, and how long something else has to wait behind it.
func BenchmarkStormToAll(b *testing.B) {
	const events = 2000
	kit, _, _ := benchCrowd(b, nil)
	storm := func(events int) {
		for id := range uint64(events) {
			_ = kit.System.Publish(b.Context(), actors.StorageUpdate{Storage: 1, Path: "files/a", FileID: id})
		}
		if err := kit.System.Probe(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	storm(1) // the mapper knows the storage from now on
	time.Sleep(time.Second)
	var behind time.Duration
	measure(b, events*benchClients, func() {
		start := time.Now()
		storm(events)
		behind += time.Since(start)
		time.Sleep(time.Second) // what is held goes out
	})
	b.ReportMetric(float64(behind.Milliseconds())/float64(b.N), "ms-behind/storm")
}
