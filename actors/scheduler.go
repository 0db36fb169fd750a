package actors

import (
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// schedulerPrecision is how exact the scheduler is. Nothing is early; it may be that late.
const schedulerPrecision = 10 * time.Millisecond

// scheduler sends actors messages at times to come. All of one moment share a bucket, and so a timer and
// its goroutine: thousands have a push due at once, after an event that concerns them all. It is safe for
// concurrent use. What is scheduled cannot be cancelled: the actor must be able to take a message that has
// lost its sense. A panic while one is handled is the actor's, and costs the others of that moment theirs.
type scheduler struct {
	// set once
	system *System

	// guarded by mu
	mu      sync.Mutex
	buckets map[time.Duration]*bucket
	stopped bool
}

// bucket is all that is scheduled for one moment.
type bucket struct {
	timer     *time.Timer
	scheduled []scheduled
}

type scheduled struct {
	pid     *actor.PID
	message any
}

func newScheduler(system *System) *scheduler {
	return &scheduler{system: system, buckets: map[time.Duration]*bucket{}}
}

// add has a message sent at a time of System.now.
func (s *scheduler) add(at time.Duration, pid *actor.PID, message any) {
	at = (at + schedulerPrecision - 1).Truncate(schedulerPrecision)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return
	}
	b := s.buckets[at]
	if b == nil {
		b = &bucket{timer: time.AfterFunc(at-s.system.now(), func() { s.send(at) })}
		s.buckets[at] = b
	}
	b.scheduled = append(b.scheduled, scheduled{pid, message})
}

// send sends what is scheduled for a moment.
func (s *scheduler) send(at time.Duration) {
	s.mu.Lock()
	b := s.buckets[at]
	delete(s.buckets, at)
	s.mu.Unlock()
	if b == nil {
		return
	}
	_ = s.system.guarded("scheduler", func() error {
		for _, one := range b.scheduled {
			s.system.root.Send(one.pid, one.message)
		}
		return nil
	})
}

// stop forgets all that is scheduled.
func (s *scheduler) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for _, b := range s.buckets {
		b.timer.Stop()
	}
	clear(s.buckets)
}
