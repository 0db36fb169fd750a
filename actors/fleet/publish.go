package fleet

import (
	"context"
	"time"

	"github.com/notifypush/notifypush/actors"
)

// published is what Redis has said of a message.
type published struct{ listeners, bytes int }

// publish sends a message when the one before has arrived, so that their numbers are in order. One that is lost is noticed by who
// hears the next one, and everything is asked for.
func (f *Fleet) publish(ctx context.Context, m message) (p published, err error) {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return published{}, ctx.Err()
	}
	defer func() { <-f.turn }()
	if f.over {
		return published{}, actors.ErrShutDown
	}
	f.over = m.Kind == bye
	f.sequence++
	m.Node, m.Sequence, m.SentAt, m.Clock = f.options.Node, f.sequence, time.Now(), time.Since(f.made)
	payload, err := encode(f.options.Key, f.options.envelope(m.Kind), m)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, publishTimeout)
		defer cancel()
		p.listeners, err = f.bus.Publish(ctx, Channel, payload)
	}
	f.logFailure(ctx, err)
	p.bytes = len(payload)
	return p, err
}
