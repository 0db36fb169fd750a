package actors_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/transport/frame"
)

// Forty files a second change in a folder that all clients see, while their debounced pushes are not due
// yet: what that takes of a core, and what the clients' pushes hold in memory at the end.
func BenchmarkSteadyChangesToAll(b *testing.B) {
	for _, listening := range []string{"all", "none"} {
		b.Run("ids="+listening, func(b *testing.B) {
			const perSecond, lasting = 40, 6 * time.Second
			kit, _, sockets := benchCrowd(b, func(o *actors.Options) { o.MaxDebounceTime = new(time.Minute) })
			if listening == "all" {
				for _, socket := range sockets {
					socket.client.Received([]frame.Frame{{Opcode: frame.Text, Payload: []byte("listen notify_file_id")}})
				}
			}
			next := uint64(0)
			change := func() {
				next++
				_ = kit.System.Publish(b.Context(), actors.StorageUpdate{Storage: 1, Path: fmt.Sprint("files/", next), FileID: next})
			}
			change()
			time.Sleep(time.Second) // from here on, pushes are held for 30 s or more
			var cpu, elapsed time.Duration
			var held int64
			for b.Loop() {
				before, start, used := heapInUse(), time.Now(), cpuTime()
				for due := start; time.Since(start) < lasting; due = due.Add(time.Second / perSecond) {
					time.Sleep(time.Until(due))
					change()
				}
				cpu += cpuTime() - used
				elapsed += time.Since(start)
				held += int64(heapInUse()) - int64(before)
			}
			b.ReportMetric(100*cpu.Seconds()/elapsed.Seconds(), "%core")
			b.ReportMetric(float64(held)/float64(b.N)/(1<<20), "MiB-held")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func heapInUse() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
