package actors

import (
	"context"
	"sync/atomic"

	"github.com/notifypush/notifypush/internal/signal"
)

// maxInFlight is how many messages of events may be on their way between listener, mapper and
// registries before the subscription is made to wait, and Redis to buffer. A message takes some
// 200 bytes; the more there are, the more of a client's frames leave in one write. A large one
// counts for several, one for each inFlightPiece bytes, so that 64 MiB are not exceeded, and so does
// one for many users, so that the work in flight has a bound, too.
const maxInFlight, inFlightPiece = 65536, 1024

// inFlight is the limit that keeps a flood of events out of the mailboxes, which have no bound of their own.
//
// It is safe for concurrent use. Only the goroutine that brings events waits at it; actors never do. What
// was acquired or added must be released, after a panic too.
type inFlight struct {
	messages atomic.Int64
	room     signal.Signal // has one of those who wait look whether there is room
	closed   <-chan struct{}
}

func newInFlight(closed <-chan struct{}) *inFlight {
	return &inFlight{room: signal.New(), closed: closed}
}

// acquire waits until there is room, and takes the place of a message of so many bytes. It returns
// ctx's error, or ErrShutDown, where it took none.
func (f *inFlight) acquire(ctx context.Context, bytes int) error {
	for ctx.Err() == nil && f.messages.Load() >= maxInFlight {
		select {
		case <-f.room:
		case <-ctx.Done():
		case <-f.closed:
			return ErrShutDown
		}
	}
	if err := ctx.Err(); err != nil {
		f.room.Set() // another one instead
		return err
	}
	f.add(bytes)
	return nil
}

// add takes the place of a message that follows from one in flight.
func (f *inFlight) add(bytes int) { f.messages.Add(1 + int64(bytes)/inFlightPiece) }

// release gives the place of a message back.
func (f *inFlight) release(bytes int) {
	if f.messages.Add(-1-int64(bytes)/inFlightPiece) < maxInFlight {
		f.room.Set()
	}
}
