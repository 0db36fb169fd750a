package actors

import (
	"context"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// probe goes once through all actors that everything depends on.
type probe struct {
	next   int // registry
	answer chan<- struct{}
}

func (r *registry) onProbe(ctx actor.Context, m *probe) {
	next := m.next + 1
	if next == len(r.system.registries) {
		m.answer <- struct{}{}
		return
	}
	ctx.Send(r.system.registries[next], &probe{next, m.answer})
}

// Probe sends a message through listener, mapper, auth and every registry, and returns nil when it
// has come back before ctx ended: the system makes progress.
func (s *System) Probe(ctx context.Context) error {
	answer := make(chan struct{}, 1)
	s.root.Send(s.listener, &probe{answer: answer})
	select {
	case <-answer:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("a message did not come back from the actors in time: %w", context.Cause(ctx))
	}
}
