package actors

import (
	"context"
	"fmt"
	"sync/atomic"
)

// station is an actor that a probe comes to, or the timer wheel. One goes to auth alone, one to the wheel, and
// one through the others, from the mapper to all registries at once.
type station int

const (
	atAuth station = iota
	atWheel
	atListener
	atMapper
	atRegistry // the first of them
	stations   = atRegistry + shards
)

func (at station) String() string {
	if at >= atRegistry {
		return fmt.Sprint("registry", int(at-atRegistry))
	}
	return [...]string{"auth", "timer wheel", "listener", "mapper"}[at]
}

// progress counts the messages that an actor has handled, in a cache line of its own.
type progress struct {
	messages atomic.Int64
	_        [56]byte
}

// handled is called by an actor after each message.
func (s *System) handled(at station) { s.progress[at].messages.Add(1) }

// Probe returns nil when the system makes progress: messages to auth, to the timer wheel, and through listener,
// mapper and every registry have come back before ctx ended, or wait behind others of which the actor handled
// some meanwhile.
func (s *System) Probe(ctx context.Context) error {
	if !s.began.Load() {
		return ErrNotStarted
	}
	var before [stations]int64
	for at := range s.progress {
		before[at] = s.progress[at].messages.Load()
	}
	passed := make(chan station, stations)
	s.root.Send(s.auth, &probe{passed: passed})
	s.wheel.probe(passed)
	s.root.Send(s.listener, &probe{passed: passed})
	var answered [stations]bool
	for range stations {
		select {
		case at := <-passed:
			answered[at] = true
		case <-ctx.Done():
			return s.stuck(answered, before, context.Cause(ctx))
		}
	}
	return nil
}

// stuck names the actor that keeps a probe without handling anything else, if there is one.
func (s *System) stuck(answered [stations]bool, before [stations]int64, cause error) error {
	for at := atAuth; at < stations; at++ {
		switch {
		case answered[at]:
		case s.progress[at].messages.Load() == before[at]:
			return fmt.Errorf("no answer from %s in time: %w", at, cause)
		case at == atListener, at == atMapper:
			return nil // the probe waits there, and has not come to the others
		}
	}
	return nil
}
