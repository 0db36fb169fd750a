package actors

import (
	"context"
	"sync/atomic"
)

// gateLimit is how many messages of events may be on their way between listener, mapper and
// registries before the subscription is made to wait, and Redis to buffer. A message takes some
// 200 bytes; the more there are, the more of a client's frames leave in one write. A large one
// counts for several, one for each gatePiece bytes, so that 64 MiB are not exceeded, and so does
// one for many users, so that the work behind the gate has a bound, too.
const gateLimit, gatePiece = 65536, 1024

// gate keeps a flood of events out of the mailboxes, which have no bound of their own. Only the
// goroutine that brings events waits at it; actors never do.
type gate struct {
	inside atomic.Int64
	room   chan struct{}
	closed <-chan struct{}
}

func newGate(closed <-chan struct{}) *gate {
	return &gate{room: make(chan struct{}, 1), closed: closed}
}

// enter waits until there is room, and takes the place of a message of so many bytes.
func (g *gate) enter(ctx context.Context, bytes int) error {
	for ctx.Err() == nil && g.inside.Load() >= gateLimit {
		select {
		case <-g.room:
		case <-ctx.Done():
		case <-g.closed:
			return ErrShutDown
		}
	}
	if err := ctx.Err(); err != nil {
		g.wake() // instead of this one
		return err
	}
	g.add(bytes)
	return nil
}

// add takes the place of a message that follows from one that is inside.
func (g *gate) add(bytes int) { g.inside.Add(1 + int64(bytes)/gatePiece) }

// leave gives the place of a message back.
func (g *gate) leave(bytes int) {
	if g.inside.Add(-1-int64(bytes)/gatePiece) < gateLimit {
		g.wake()
	}
}

// wake has one of those who wait look whether there is room.
func (g *gate) wake() {
	select {
	case g.room <- struct{}{}:
	default:
	}
}
