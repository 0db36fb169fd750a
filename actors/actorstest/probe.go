package actorstest

import (
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Probe is an actor that keeps what it is sent, lifecycle messages of the runtime left out, for a
// test to look at in order.
type Probe struct {
	PID *actor.PID

	mu      sync.Mutex
	inbox   []any
	arrived chan struct{} // has a token when inbox isn't empty
}

// NewProbe spawns a Probe, with these options, and stops it when the test ends.
func NewProbe(t testing.TB, system *actor.ActorSystem, options ...actor.PropsOption) *Probe {
	p := &Probe{arrived: make(chan struct{}, 1)}
	p.PID = system.Root.Spawn(actor.PropsFromFunc(p.receive, options...))
	t.Cleanup(func() { _ = system.Root.StopFuture(p.PID).Wait() })
	return p
}

func (p *Probe) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started, *actor.Stopping, *actor.Stopped, *actor.Restarting:
	default:
		p.mu.Lock()
		p.inbox = append(p.inbox, m)
		p.mu.Unlock()
		select {
		case p.arrived <- struct{}{}:
		default:
		}
	}
}

// Next returns the next message; it waits for it, and fails the test after 10 s.
func (p *Probe) Next(t testing.TB) any {
	t.Helper()
	deadline := time.After(patience)
	for {
		if messages := p.take(1); len(messages) == 1 {
			return messages[0]
		}
		select {
		case <-p.arrived:
		case <-deadline:
			t.Fatal("the probe was sent nothing")
		}
	}
}

// All returns the messages that have arrived and that Next has not returned.
func (p *Probe) All() []any { return p.take(-1) }

func (p *Probe) take(n int) (messages []any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n < 0 || n > len(p.inbox) {
		n = len(p.inbox)
	}
	messages, p.inbox = p.inbox[:n:n], p.inbox[n:]
	return messages
}
