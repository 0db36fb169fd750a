package actors

import (
	"context"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

func (r *registry) onProbe(ctx actor.Context, m *probe) {
	next := m.next + 1
	if next == len(r.system.registries) {
		m.answer <- struct{}{}
		return
	}
	ctx.Send(r.system.registries[next], &probe{next, m.answer})
}

// Probe returns nil when the system makes progress: a message to auth and one through listener,
// mapper and every registry have come back before ctx ended, or the latter waits behind events of
// which some were handled meanwhile.
func (s *System) Probe(ctx context.Context) error {
	handled := s.gate.handled.Load()
	if err := s.probe(ctx, s.auth); err != nil {
		return err
	}
	err := s.probe(ctx, s.listener)
	if s.gate.handled.Load() != handled {
		// An actor that is stuck while others are not fills the gate, and then nothing is handled.
		return nil
	}
	return err
}

func (s *System) probe(ctx context.Context, first *actor.PID) error {
	answer := make(chan struct{}, 1)
	s.root.Send(first, &probe{answer: answer})
	select {
	case <-answer:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("a message did not come back from the actors in time: %w", context.Cause(ctx))
	}
}
