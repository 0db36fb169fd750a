package loadtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/gomodule/redigo/redis"

	"github.com/notifypush/notifypush/loadtest/internal/clock"
	"github.com/notifypush/notifypush/loadtest/internal/swarm"
	"github.com/notifypush/notifypush/loadtest/internal/wire"
)

// publisher publishes events as Nextcloud does, without waiting for Redis between them, or calls the caller's function.
type publisher struct {
	redis   redis.Conn
	publish func(channel string, payload []byte) error // instead of redis
	step    uint32                                     // numbers the rounds
}

// stream is the events of a round in the order of their publishing.
type stream struct {
	events  int
	until   <-chan struct{} // ends it before all are published; may be nil
	rate    float64         // a second; 0 means all at once
	next    func(i int) wire.Event
	reaches func(i int) int // how many clients
}

// expected is how many pushes the events from first until last should lead to.
func (s stream) expected(first, last int) (n int) {
	for i := first; i < last; i++ {
		n += s.reaches(i)
	}
	return n
}

// published says how publishing went.
type published struct {
	events       int
	began, ended int64                   // µs since 1970
	lateness     *hdrhistogram.Histogram // of the publisher itself: from when an event was due until it was handed over
	noSubscriber int                     // events
}

// run keeps to the times at which events are due, however slow anything else is, and catches up when it is late.
func (p *publisher) run(ctx context.Context, s stream) (published, error) {
	p.step++
	result := published{began: clock.Now(), lateness: swarm.NewHistogram()}
	received := make(chan error, 1)
	closeRedis := func() {}
	if p.redis != nil {
		closeRedis = func() { _ = p.redis.Close() } // ends send and receive, also when Redis is silent
		go func() { received <- p.receive(&result.noSubscriber) }()
	} else {
		received <- nil
	}
	defer context.AfterFunc(ctx, closeRedis)()
	var err error
	clock.Precisely(func(sleep func(time.Duration)) { err = p.send(ctx, s, &result, sleep) })
	if err != nil {
		closeRedis()
		<-received //nolint:errcheck // it was ended just now
	} else {
		err = <-received
	}
	if ctx.Err() != nil { // whatever it looks like to who uses the closed connection
		err = context.Cause(ctx)
	}
	return result, err
}

func (p *publisher) send(ctx context.Context, s stream, result *published, sleep func(time.Duration)) error {
	const maxBatch = 512 // events before the clock is looked at again
	due := func(i int) int64 { return result.began + clock.Due(i, s.rate) }
	var payload []byte
	for i := 0; i < s.events && !ended(s.until); {
		if err := ctx.Err(); err != nil {
			return err
		}
		first := i
		for at := clock.Now(); i < s.events && due(i) <= at && i < first+maxBatch; i++ {
			event := s.next(i)
			payload = event.Append(payload[:0], p.step, due(i))
			if err := p.write(event.Channel(), payload); err != nil {
				return fmt.Errorf("publish an event: %w", err)
			}
		}
		if i == first {
			sleep(time.Duration(due(i)-clock.Now()) * time.Microsecond)
			continue
		}
		if p.redis != nil {
			if err := p.redis.Flush(); err != nil {
				return fmt.Errorf("publish an event: %w", err)
			}
		}
		result.ended = clock.Now()
		for j := first; j < i; j++ {
			swarm.Record(result.lateness, result.ended-due(j))
		}
		result.events = i
	}
	if p.redis == nil {
		return nil
	}
	if err := errors.Join(p.redis.Send("PING"), p.redis.Flush()); err != nil { // its reply is the last
		return fmt.Errorf("publish an event: %w", err)
	}
	return nil
}

func ended(signal <-chan struct{}) bool {
	select {
	case <-signal:
		return true
	default:
		return false
	}
}

func (p *publisher) write(channel string, payload []byte) error {
	if p.redis == nil {
		return p.publish(channel, bytes.Clone(payload))
	}
	return p.redis.Send("PUBLISH", channel, payload)
}

// receive reads the replies: how many subscribers each event has had, until that of the PING.
func (p *publisher) receive(noSubscriber *int) error {
	for {
		reply, err := p.redis.Receive()
		if reply == any("PONG") {
			return nil
		}
		subscribers, err := redis.Int(reply, err)
		if err != nil {
			return fmt.Errorf("publish an event: %w", err)
		}
		if subscribers == 0 {
			*noSubscriber++
		}
	}
}
