package loadtest

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestTheEndMayComeWithTheLastFrame(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	_, err = unix.Write(ends[1], serverFrame([]byte("authenticated")))
	require.NoError(t, err)
	require.NoError(t, unix.Close(ends[1]))

	poller, err := newPoller()
	require.NoError(t, err)
	f := &fleet{
		counts:  newCounts(1),
		buffers: sync.Pool{New: func() any { b := make([]byte, readBuffer); return &b }},
		poller:  poller,
		polled:  make(chan struct{}),
		system:  actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) })),
	}
	defer f.system.Shutdown()
	c := &client{fleet: f, stage: loggingIn, socket: int32(ends[0]), leaving: true}
	f.clients = []*actor.PID{f.system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return c }, actor.WithDispatcher(actor.NewSynchronizedDispatcher(throughput))))}
	require.NoError(t, poller.watch(ends[0], 0))
	go f.poll()
	defer func() { <-f.polled }()
	defer poller.close()

	require.Eventually(t, func() bool { return f.counts.snapshot().Logins == 1 }, time.Minute, time.Millisecond)
	require.Eventually(t, func() bool { return f.counts.snapshot().Online == 0 }, 10*time.Second, time.Millisecond)
	require.Equal(t, map[string]int{errEnded.Error(): 1}, f.counts.snapshot().Endings)
}
