package swarm

import (
	"log/slog"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
)

// probes returns a set of n probes in place of clients, and which of them are asked to connect or to leave, one after the other.
func probes(t *testing.T, n int) (*clientSet, <-chan int) {
	s := &clientSet{churn: func() {}, system: actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))}
	t.Cleanup(s.system.Shutdown)
	asked := make(chan int, 1000)
	for i := range n {
		s.clients = append(s.clients, s.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			switch ctx.Message().(type) {
			case connect, visit:
				select {
				case asked <- i:
				default:
				}
			}
		}, actor.WithDispatcher(actor.NewSynchronizedDispatcher(throughput)))))
	}
	return s, asked
}

func TestChurnTakesClientsInTurn(t *testing.T) {
	const clients = 20
	s, asked := probes(t, clients)
	s.started = clients
	s.startChurn(2000, time.Second)
	for range 2 {
		left := map[int]bool{}
		for range clients {
			client := <-asked
			require.False(t, left[client], "a client that has just left is still away")
			left[client] = true
		}
	}
	s.stopChurn()
}

func TestWhatHasASlowRateCanBeStopped(t *testing.T) {
	const perHour = 1.0 / 3600
	for what, do := range map[string]func(s *clientSet, asked <-chan int){
		"connecting": func(s *clientSet, asked <-chan int) { s.startRamp(2, 0, perHour, connect{}); <-asked; s.stopRamp() },
		"churn":      func(s *clientSet, _ <-chan int) { s.started = 2; s.startChurn(perHour, time.Second); s.stopChurn() },
	} {
		stopped := make(chan struct{})
		s, asked := probes(t, 2)
		go func() { defer close(stopped); do(s, asked) }()
		select {
		case <-stopped:
		case <-time.After(time.Minute):
			require.Fail(t, "it still waits", what)
		}
	}
}
