package transport

import (
	"fmt"
	"sync"
)

// inUse is the poller that all Websockets of this process share: with one each, hundreds would have as many epoll instances, goroutines,
// and tables by file descriptor.
var inUse struct {
	sync.Mutex         // guards the pollers' use, too
	poller     *poller // nil while there is no Websocket, and after a failure
}

// use is who uses a poller.
type use struct {
	websockets int
	readers    map[*Websocket]struct{} // those with sockets
	failure    error
	ended      chan struct{} // closed when nothing is read any more; nil before readAll has started
}

// usePoller returns the poller for a Websocket, until release.
func usePoller() (*poller, error) {
	inUse.Lock()
	defer inUse.Unlock()
	if inUse.poller == nil {
		p, err := newPoller()
		if err != nil {
			return nil, err
		}
		inUse.poller = p
	}
	inUse.poller.use.websockets++
	return inUse.poller, nil
}

// release stops the poller after the last Websocket, whose sockets are gone.
func (p *poller) release(w *Websocket) {
	inUse.Lock()
	p.use.websockets--
	delete(p.use.readers, w)
	last, ended := p.use.websockets == 0, p.use.ended
	if last && inUse.poller == p {
		inUse.poller = nil
	}
	inUse.Unlock()
	if !last {
		return
	}
	p.stop()
	if ended != nil {
		<-ended
	}
}

// readFor reads the sockets of a Websocket, too. It starts the goroutine with the first.
func (p *poller) readFor(w *Websocket) {
	inUse.Lock()
	defer inUse.Unlock()
	if p.use.failure != nil {
		w.failed <- p.use.failure
		return
	}
	if p.use.readers == nil {
		p.use.readers = map[*Websocket]struct{}{}
	}
	p.use.readers[w] = struct{}{}
	if p.use.ended == nil {
		p.use.ended = make(chan struct{})
		go p.readAll(p.use.ended)
	}
}

// readAll reads until the last Websocket is closed. A failure is that of all.
func (p *poller) readAll(ended chan<- struct{}) {
	defer close(ended)
	err := p.run((*polledSocket).panicked)
	if err == nil {
		return
	}
	inUse.Lock()
	defer inUse.Unlock()
	if inUse.poller == p {
		inUse.poller = nil
	}
	p.use.failure = fmt.Errorf("sockets cannot be read any more: %w", err)
	for w := range p.use.readers {
		w.failed <- p.use.failure
	}
}
