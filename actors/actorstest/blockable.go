package actorstest

import (
	"context"
	"sync"
)

// blockable is a port whose calls a test can hold up.
type blockable struct {
	hooked
	mu      sync.Mutex
	barrier chan struct{} // nil while calls pass
}

// hooked is a port whose calls a test can interfere with.
type hooked struct {
	mu   sync.Mutex
	hook func()
}

// OnCall has f called at the beginning of each call from now on; it may panic. nil ends that.
func (h *hooked) OnCall(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hook = f
}

func (h *hooked) called() {
	h.mu.Lock()
	hook := h.hook
	h.mu.Unlock()
	if hook != nil {
		hook()
	}
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
	b.called()
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
