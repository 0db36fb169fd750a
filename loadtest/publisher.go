package loadtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/gomodule/redigo/redis"
)

// publisher publishes events as Nextcloud does, without waiting for Redis between them.
type publisher struct {
	redis redis.Conn
	step  uint32 // numbers the steps of publishing
}

// event is one to be published, by its place in the step.
type event struct {
	kind     Kind
	user     int32
	to       recipient
	storage  uint32
	sequence uint32 // among the custom events to this user in this step
	serial   int    // among all events of this step
	padding  int
}

// stream is the events of a step in the order of their publishing.
type stream struct {
	events int
	rate   float64 // a second; 0 means all at once
	next   func(i int) event
}

// published says how publishing went.
type published struct {
	began, ended int64                   // µs since 1970
	lateness     *hdrhistogram.Histogram // of the publisher itself: from when an event was due until it was handed to the kernel
	unheard      int                     // events that no daemon was subscribed to
}

const maxBatch = 512 // events written before the clock is looked at again

// publish keeps to the times at which events are due, however slow anything else is, and catches up when it is late.
func (p *publisher) publish(ctx context.Context, s stream) (published, error) {
	result := published{began: now(), lateness: newHistogram()}
	received := make(chan error, 1)
	go func() { received <- p.receive(s.events, &result.unheard) }()
	defer context.AfterFunc(ctx, func() { _ = p.redis.Close() })() // ends send and receive, also when Redis is silent
	var err error
	pauses(func(pause func(time.Duration)) { err = p.send(ctx, s, &result, pause) })
	if err != nil {
		_ = p.redis.Close() // ends receive
		<-received          //nolint:errcheck // it was ended just now
		return result, err
	}
	if err = <-received; ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return result, err
}

func (p *publisher) send(ctx context.Context, s stream, result *published, pause func(time.Duration)) error {
	due := func(i int) int64 {
		if s.rate <= 0 {
			return result.began
		}
		return result.began + int64(float64(i)/s.rate*1e6)
	}
	var payload []byte
	for i := 0; i < s.events; {
		if err := ctx.Err(); err != nil {
			return err
		}
		first := i
		for at := now(); i < s.events && due(i) <= at && i < first+maxBatch; i++ {
			e := s.next(i)
			payload = e.append(payload[:0], p.step, due(i))
			if err := p.redis.Send("PUBLISH", e.channel(), payload); err != nil {
				return fmt.Errorf("publish an event: %w", err)
			}
		}
		if i == first {
			pause(time.Duration(due(i)-now()) * time.Microsecond)
			continue
		}
		if err := p.redis.Flush(); err != nil {
			return fmt.Errorf("publish an event: %w", err)
		}
		result.ended = now()
		for j := first; j < i; j++ {
			record(result.lateness, result.ended-due(j))
		}
	}
	return nil
}

func (p *publisher) receive(events int, unheard *int) error {
	for range events {
		subscribers, err := redis.Int(p.redis.Receive())
		if err != nil {
			return fmt.Errorf("publish an event: %w", err)
		}
		if subscribers == 0 {
			*unheard++
		}
	}
	return nil
}

func (e event) channel() string {
	switch e.kind {
	case File:
		return "notify_storage_update"
	case Activity:
		return "notify_activity"
	case Notification:
		return "notify_notification"
	default:
		return "notify_custom"
	}
}

// append writes the payload. A file's id tells when the event was due, see fileID.
func (e event) append(b []byte, step uint32, due int64) []byte {
	if e.kind == File {
		b = append(b, `{"storage":`...)
		b = strconv.AppendUint(b, uint64(e.storage), 10)
		b = append(b, `,"path":"files/shared/load.txt","file_id":`...)
		b = strconv.AppendUint(b, fileID(e.to, due, e.serial), 10)
		return append(b, '}')
	}
	b = append(b, `{"user":"`...)
	b = append(b, userName(e.user)...)
	if e.kind == Custom {
		b = append(b, `","message":"`...)
		b = stamp{e.to, step, e.sequence, due}.append(b)
		if e.padding > 0 {
			b = append(b, ' ')
			for range e.padding {
				b = append(b, 'x')
			}
		}
	}
	return append(b, `"}`...)
}

// shuffled is a fixed order of n users in which neighbours have nothing in common.
func shuffled(n int) []int {
	return rand.New(rand.NewPCG(1, 2)).Perm(n)
}
