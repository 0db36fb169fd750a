package storage

import (
	"context"
	"time"
)

// reloadPause is the shortest time between two reads of the configuration.
const reloadPause = time.Second

// reloader reads options again. It is safe for concurrent use: one goroutine reads, the others wait for
// it. An error of load leaves everything as it is.
type reloader[O any] struct {
	load func(context.Context) (O, error) // set once; nil: nothing can be read again
	turn chan struct{}                    // has room for the one that reads
	last time.Time                        // owned by that one
}

func newReloader[O any](load func(context.Context) (O, error)) *reloader[O] {
	return &reloader[O]{load: load, turn: make(chan struct{}, 1)}
}

// attempt calls try with what is used now, and again with what replaces it when the login is refused and the options have changed
// meanwhile.
func attempt[O any, T comparable](ctx context.Context, r *reloader[O], of interface {
	current() T
	Reconfigure(options O) error
}, try func(T) error) error {
	used := of.current()
	err := try(used)
	if !LoginRefused(err) {
		return err
	}
	r.then(ctx, func(options O) { _ = of.Reconfigure(options) })
	if changed := of.current(); changed != used {
		return try(changed)
	}
	return err
}

// then calls replace with the options of now, unless they cannot be read, or were a moment ago.
func (r *reloader[O]) then(ctx context.Context, replace func(O)) {
	if r.load == nil {
		return
	}
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-r.turn }()
	if !r.last.IsZero() && time.Since(r.last) < reloadPause {
		return
	}
	options, err := r.load(ctx)
	r.last = time.Now()
	if err == nil {
		replace(options)
	}
}
