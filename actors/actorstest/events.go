package actorstest

import (
	"context"
	"errors"
	"sync"

	"github.com/notifypush/notifypush/actors"
)

// ErrLost is what a subscription ends with when Lose is called with nil.
var ErrLost = errors.New("connection lost")

// Events is an actors.EventSource that a test speaks through.
type Events struct {
	hooked
	mu            sync.Mutex
	refusal       error
	refusals      int
	subscriptions int

	emitted chan emission
	lost    chan error
}

type emission struct {
	channel string
	payload []byte
	taken   chan struct{}
}

// NewEvents returns Events that can be subscribed to.
func NewEvents() *Events {
	return &Events{emitted: make(chan emission), lost: make(chan error)}
}

// Receive implements actors.EventSource.
func (e *Events) Receive(ctx context.Context, _ []string, subscribed func(), message func(string, []byte)) error {
	e.called()
	e.mu.Lock()
	refusal := e.refusal
	if refusal == nil {
		e.subscriptions++
	} else {
		e.refusals++
	}
	e.mu.Unlock()
	if refusal != nil {
		return refusal
	}
	subscribed()
	for {
		select {
		case m := <-e.emitted:
			message(m.channel, m.payload)
			close(m.taken)
		case err := <-e.lost:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Emit publishes a payload, and returns when the System has taken it: it waits while there is no
// subscription, or the System is too busy.
func (e *Events) Emit(channel, payload string) {
	m := emission{channel, []byte(payload), make(chan struct{})}
	e.emitted <- m
	<-m.taken
}

// Lose ends the subscription with err, or ErrLost where that is nil.
func (e *Events) Lose(err error) {
	if err == nil {
		err = ErrLost
	}
	e.lost <- err
}

// Refuse has subscriptions fail with err from now on; nil lets them succeed again.
func (e *Events) Refuse(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refusal = err
}

// Subscriptions returns how many subscriptions there were.
func (e *Events) Subscriptions() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.subscriptions
}

// Refusals returns how many subscriptions were refused.
func (e *Events) Refusals() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refusals
}

var _ actors.EventSource = (*Events)(nil)

// Name is how logs and System.Problems call the port, as they call the real one.
func (*Events) Name() string { return "redis" }
