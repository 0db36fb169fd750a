// Package instances measures what each of many Nextclouds in one process costs.
package instances

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/fleet"
	"github.com/notifypush/notifypush/storage"
	_ "github.com/notifypush/notifypush/storage/sqlite"
	"github.com/notifypush/notifypush/storage/storagetest"
	"github.com/notifypush/notifypush/transport"
	"github.com/notifypush/notifypush/transport/monitor"
	"github.com/notifypush/notifypush/transport/nextcloud"
	"github.com/notifypush/notifypush/transport/selftest"
)

// instance is one Nextcloud's part of a process, put together as the daemon does it.
type instance struct {
	redis     *storage.Redis
	mounts    *storage.Mounts
	nextcloud *nextcloud.Client
	system    *actors.System
	websocket *transport.Websocket
	fleet     *fleet.Fleet
	handler   http.Handler
	history   *monitor.History
	end       context.CancelFunc
	running   sync.WaitGroup
}

func start(t testing.TB, redis, database, name string, runtime *actor.ActorSystem) *instance {
	i := &instance{}
	var err error
	i.redis, err = storage.NewRedis(storage.RedisOptions{Addresses: []string{redis}, ChannelPrefix: name + "_"})
	require.NoError(t, err)
	i.mounts, err = storage.OpenMounts(storage.DatabaseOptions{Driver: storage.SQLite, Path: database, Prefix: "oc_"})
	require.NoError(t, err)
	i.nextcloud, err = nextcloud.New(nextcloud.Options{BaseURL: "http://127.0.0.1:9/" + name + "/"})
	require.NoError(t, err)
	i.fleet, err = fleet.New(i.redis, fleet.Options{Key: []byte(name)})
	require.NoError(t, err)
	i.system, err = actors.New(actors.Ports{Events: i.redis, Mounts: i.mounts, Verifier: i.nextcloud, Peers: i.fleet},
		actors.Options{ActorSystem: runtime, AuthKey: []byte(name)})
	require.NoError(t, err)
	i.websocket, err = transport.NewWebsocket(i.system, transport.WebsocketOptions{DescribeClients: true})
	require.NoError(t, err)
	version := selftest.NewAppVersion(i.redis, i.nextcloud, nil)
	i.handler = transport.NewHandler(i.websocket, i.websocket.LimitGuesses(selftest.New(selftest.Options{
		Keys: i.redis, System: i.system, Nextcloud: i.nextcloud, Version: version,
	})), "1.0")
	i.history = monitor.NewHistory(i.system.Stats, i.system.Problems)
	i.system.Start()
	ctx, end := context.WithCancel(context.Background())
	i.end = end
	i.running.Go(func() { i.fleet.Run(ctx, i.system) })
	i.running.Go(func() { _, _, _ = i.redis.Get(ctx, "notify_push_logins_"+name) }) // as the hand-over does
	return i
}

func (i *instance) ready(t testing.TB) {
	require.NoError(t, i.system.Ready(t.Context()))
	<-i.fleet.Ready()
}

func (i *instance) close() {
	_ = i.system.Shutdown(context.Background())
	i.websocket.Close()
	i.end()
	i.running.Wait()
	i.nextcloud.Close()
	_ = i.mounts.Close()
	_ = i.redis.Close()
}

// used is what the process uses at a moment, in bytes but for the goroutines.
type used struct{ resident, heap, stacks, goroutines int }

func measure(t testing.TB) used {
	debug.FreeOSMemory()
	time.Sleep(100 * time.Millisecond)
	debug.FreeOSMemory()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return used{resident: resident(t), heap: int(memory.HeapAlloc), stacks: int(memory.StackInuse), goroutines: runtime.NumGoroutine()}
}

// work is what the process has done until a moment.
type work struct {
	cpu      time.Duration
	switches int // voluntary, of all threads
}

func cpu(t testing.TB) work {
	var of syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &of))
	return work{time.Duration(of.Utime.Nano() + of.Stime.Nano()), int(of.Nvcsw)}
}

func resident(t testing.TB) int {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(t, err)
	return kib << 10
}

const (
	instances = 500
	// settledTime is when connections to the databases are closed that were used at the start.
	settledTime = 130 * time.Second
	idleTime    = 30 * time.Second
)

// BenchmarkInstances starts many instances after a first one, each as the daemon puts one together, and reports what one more costs.
func BenchmarkInstances(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("resident memory is read from /proc")
	}
	redis := storagetest.Redis(b)
	database, tables := storagetest.SQLite(b, "nextcloud")
	storagetest.NewNextcloud(b, tables, "oc_")
	for b.Loop() {
		shared := actors.NewActorSystem(nil)
		ctx, end := context.WithCancel(b.Context())
		var histories atomic.Pointer[[]*monitor.History]
		histories.Store(&[]*monitor.History{})
		var watching sync.WaitGroup
		watching.Go(func() { monitor.RunHistories(ctx, func() []*monitor.History { return *histories.Load() }) })
		var all []*instance
		all = append(all, start(b, redis.URL(), database, "first", shared))
		all[0].ready(b)
		before := measure(b)
		began := time.Now()
		for n := range instances {
			all = append(all, start(b, redis.URL(), database, fmt.Sprint("i", n), shared))
		}
		for _, i := range all {
			i.ready(b)
		}
		took := time.Since(began)
		var read []*monitor.History
		for _, i := range all {
			read = append(read, i.history)
		}
		histories.Store(&read)
		time.Sleep(settledTime)
		after := measure(b)
		busy := cpu(b)
		time.Sleep(idleTime)
		idle := cpu(b)
		profile(b)
		each := func(before, after int) float64 { return float64(after-before) / instances }
		b.ReportMetric(each(before.resident, after.resident)/1024, "KiB/instance")
		b.ReportMetric(each(before.heap, after.heap)/1024, "heap-KiB/instance")
		b.ReportMetric(each(before.stacks, after.stacks)/1024, "stack-KiB/instance")
		b.ReportMetric(each(before.goroutines, after.goroutines), "goroutines/instance")
		b.ReportMetric(took.Seconds(), "s-to-start")
		b.ReportMetric(100*(idle.cpu-busy.cpu).Seconds()/idleTime.Seconds(), "%-of-a-core-idle")
		b.ReportMetric(float64(idle.switches-busy.switches)/idleTime.Seconds(), "switches/s-idle")
		var closing sync.WaitGroup
		for _, i := range all {
			closing.Go(i.close)
		}
		closing.Wait()
		end()
		watching.Wait()
		shared.Shutdown()
	}
	b.ReportMetric(0, "ns/op") // means nothing here, so it isn't shown
}

// profile writes down where memory and goroutines are, where INSTANCES_PROFILE names a folder.
func profile(t testing.TB) {
	folder := os.Getenv("INSTANCES_PROFILE")
	if folder == "" {
		return
	}
	for _, of := range []string{"heap", "goroutine"} {
		file, err := os.Create(filepath.Join(folder, of+".pprof"))
		require.NoError(t, err)
		require.NoError(t, pprof.Lookup(of).WriteTo(file, 0))
		require.NoError(t, file.Close())
	}
}
