package transport

import (
	"context"
	"net/netip"
	"sync"
)

// turns has at most freeFailures logins of an address checked at once; the others wait in line. Who
// guesses on many sockets would otherwise have an answer to each before the first failure counts. The
// zero value is ready to use.
type turns struct {
	mu    sync.Mutex
	lines map[netip.Addr]*line
}

type line struct {
	checked chan struct{} // has something in it for each login that is being checked
	length  int           // of those and who waits
}

// take waits for an address's turn. The turn lasts until end is called. The error is the context's
// cause.
func (t *turns) take(ctx context.Context, address netip.Addr) (end func(), err error) {
	l := t.join(address)
	select {
	case l.checked <- struct{}{}:
		return func() {
			<-l.checked
			t.leave(address)
		}, nil
	case <-ctx.Done():
		t.leave(address)
		return nil, context.Cause(ctx)
	}
}

func (t *turns) join(address netip.Addr) *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines == nil {
		t.lines = map[netip.Addr]*line{}
	}
	l := t.lines[address]
	if l == nil {
		l = &line{checked: make(chan struct{}, freeFailures)}
		t.lines[address] = l
	}
	l.length++
	return l
}

func (t *turns) leave(address netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[address]
	if l.length--; l.length == 0 {
		delete(t.lines, address)
	}
}
