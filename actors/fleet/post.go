package fleet

import (
	"context"
	"time"

	"github.com/notifypush/notifypush/actors"
)

// letter is a message on its way to Redis.
type letter struct {
	ctx     context.Context
	message message
	answer  chan published // has room for one
}

// published is what has become of a message.
type published struct {
	listeners, bytes int
	err              error
}

// publish sends a message. One that is lost is noticed by who hears the next one, and everything is asked for.
func (f *Fleet) publish(ctx context.Context, m message) (published, error) {
	l := letter{ctx, m, make(chan published, 1)}
	select {
	case f.outbox <- l:
		p := <-l.answer
		return p, p.err
	case <-ctx.Done():
		return published{}, ctx.Err()
	case <-f.ended:
		return published{}, actors.ErrShutDown
	}
}

// postLetters publishes one message after the other, so that their numbers are in order.
func (f *Fleet) postLetters(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-f.outbox:
			l.answer <- f.post(l)
		}
	}
}

func (f *Fleet) post(l letter) (p published) {
	m := l.message
	f.sequence++
	m.Node, m.Sequence, m.SentAt, m.Clock = f.options.Node, f.sequence, time.Now(), time.Since(f.made)
	payload, err := encode(f.options.Key, f.options.envelope(m.Kind), m)
	if err == nil {
		ctx, cancel := context.WithTimeout(l.ctx, publishTimeout)
		defer cancel()
		p.listeners, err = f.bus.Publish(ctx, Channel, payload)
	}
	f.logFailure(l.ctx, err)
	p.bytes, p.err = len(payload), err
	return p
}
