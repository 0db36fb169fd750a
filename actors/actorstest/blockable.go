package actorstest

import (
	"context"
	"sync"
)

// blockable is a port whose calls a test can hold up.
type blockable struct {
	mu      sync.Mutex
	barrier chan struct{} // nil while calls pass
}

// Block holds up the calls from now on, until Unblock.
func (b *blockable) Block() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.barrier == nil {
		b.barrier = make(chan struct{})
	}
}

// Unblock lets the calls pass, also those that are held up.
func (b *blockable) Unblock() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.barrier != nil {
		close(b.barrier)
		b.barrier = nil
	}
}

// pass waits until calls may pass, or ctx ends.
func (b *blockable) pass(ctx context.Context) error {
	b.mu.Lock()
	barrier := b.barrier
	b.mu.Unlock()
	if barrier == nil {
		return nil
	}
	select {
	case <-barrier:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
