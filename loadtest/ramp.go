package loadtest

import (
	"context"
	"time"
)

// ramp lets clients connect, so many at once and so many a second.
type ramp struct {
	places chan struct{} // one for each that is connecting
	cancel context.CancelFunc
	done   chan struct{}
}

// startRamp lets the next n clients connect: at most inFlight at once (0: all), at most perSecond (0: as fast as they can).
func (f *fleet) startRamp(n, inFlight int, perSecond float64) {
	f.stopRamp()
	clients := f.clients[f.dialed:min(f.dialed+n, len(f.clients))]
	f.dialed += len(clients)
	if inFlight <= 0 {
		inFlight = len(clients)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &ramp{places: make(chan struct{}, inFlight), cancel: cancel, done: make(chan struct{})}
	f.ramp.Store(r)
	go func() {
		defer close(r.done)
		begun := time.Now()
		for i, c := range clients {
			if perSecond > 0 && waitForTurn(ctx, begun, i, perSecond) != nil {
				return
			}
			select {
			case r.places <- struct{}{}:
				f.system.Root.Send(c, dial{})
			case <-ctx.Done():
				return
			}
		}
	}()
}

// waitForTurn waits until the i-th of those that begin so many a second is due.
func waitForTurn(ctx context.Context, begun time.Time, i int, perSecond float64) error {
	return wait(ctx, time.Until(begun.Add(time.Duration(float64(i)/perSecond*float64(time.Second)))))
}

// leaveRamp gives the place of a client that is connected, or failed, to the next.
func (f *fleet) leaveRamp() {
	select {
	case <-f.ramp.Load().places:
	default: // the ramp it was let in by has ended
	}
}

func (f *fleet) stopRamp() {
	if r := f.ramp.Load(); r != nil {
		r.cancel()
		<-r.done
	}
}
