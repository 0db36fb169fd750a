package loadtest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
)

// probes returns a fleet of n probes in place of clients, and which of them are told to dial or to leave, one after the other.
func probes(t *testing.T, n int) (*fleet, <-chan int) {
	f := &fleet{churn: func() {}, system: actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))}
	t.Cleanup(f.system.Shutdown)
	heard := make(chan int, 1000)
	for i := range n {
		f.clients = append(f.clients, f.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			switch ctx.Message().(type) {
			case dial, visit:
				select {
				case heard <- i:
				default:
				}
			}
		}, actor.WithDispatcher(actor.NewSynchronizedDispatcher(throughput)))))
	}
	return f, heard
}

func TestChurnTakesClientsInTurn(t *testing.T) {
	const clients = 20
	f, heard := probes(t, clients)
	f.dialed = clients
	f.startChurn(2000, time.Second)
	for range 2 {
		left := map[int]bool{}
		for range clients {
			client := <-heard
			require.False(t, left[client], "who has just left is still away")
			left[client] = true
		}
	}
	f.stopChurn()
}

func TestWhatHasASlowRateCanBeStopped(t *testing.T) {
	const perHour = 1.0 / 3600
	for what, do := range map[string]func(f *fleet, heard <-chan int){
		"connecting": func(f *fleet, heard <-chan int) { f.startRamp(2, 0, perHour); <-heard; f.stopRamp() },
		"churn":      func(f *fleet, _ <-chan int) { f.dialed = 2; f.startChurn(perHour, time.Second); f.stopChurn() },
	} {
		stopped := make(chan struct{})
		f, heard := probes(t, 2)
		go func() { defer close(stopped); do(f, heard) }()
		select {
		case <-stopped:
		case <-time.After(time.Minute):
			require.Fail(t, "it still waits", what)
		}
	}
}
