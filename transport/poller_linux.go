package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/notifypush/notifypush/internal/epoll"
)

const (
	pollBuffer = 16 << 10 // bytes read at once
	wakeTag    = -1       // of the event that probe causes; sockets have their file descriptor
)

var errPollerClosed = errors.New("sockets are not read any more")

// poller reads from all sockets of a server in one goroutine: a socket that nothing arrives on owns
// neither goroutine nor buffer. A socket is watched once, until something arrives; then it is read, and
// watched again when its connection has dealt with that.
//
// All methods are safe for concurrent use. A socket must be removed before it is closed. An error of run
// means that nothing is read any more.
type poller struct {
	epoll *epoll.Poller
	wake  int // an eventfd

	mu      sync.Mutex
	sockets []*socket       // by file descriptor
	reading *socket         // by run, at this moment
	paused  sync.Cond       // of reading, when it changes
	probes  []chan struct{} // closed when run comes by
	closed  bool
}

func newPoller() (*poller, error) {
	waiter, err := epoll.New()
	if err != nil {
		return nil, err
	}
	p := &poller{epoll: waiter}
	p.paused.L = &p.mu
	if p.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = waiter.Close()
		return nil, fmt.Errorf("create an eventfd: %w", err)
	}
	if err := waiter.Add(p.wake, unix.EPOLLIN, wakeTag); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// close ends run. Sockets must be gone by then.
func (p *poller) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	_ = p.epoll.Close()
	_ = unix.Close(p.wake)
}

// run reads until close, or until it fails. panicked is called with what went wrong with one socket.
func (p *poller) run(panicked func(s *socket, cause any)) error {
	buffer := make([]byte, pollBuffer)
	return p.epoll.Run(func(tag int32, _ uint32) {
		if tag == wakeTag {
			p.answerProbes()
			return
		}
		p.read(tag, buffer, panicked)
	})
}

// probe returns nil when run has come by, so that it reads sockets.
func (p *poller) probe(ctx context.Context) error {
	passed := make(chan struct{})
	if err := p.askProbe(passed); err != nil {
		return err
	}
	select {
	case <-passed:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the goroutine that reads sockets does not answer: %w", context.Cause(ctx))
	}
}

func (p *poller) askProbe(passed chan struct{}) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errPollerClosed
	}
	p.probes = append(p.probes, passed)
	_, err := unix.Write(p.wake, binary.NativeEndian.AppendUint64(nil, 1))
	if err != nil && !errors.Is(err, unix.EAGAIN) { // full: it is readable
		return fmt.Errorf("wake the goroutine that reads sockets: %w", err)
	}
	return nil
}

func (p *poller) answerProbes() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	_, _ = unix.Read(p.wake, make([]byte, 8))
	for _, passed := range p.probes {
		close(passed)
	}
	p.probes = nil
}

// watch has the socket's readable called once, when there is something to read. Of a socket that
// was removed nothing is read any more, and that is no error.
func (p *poller) watch(s *socket) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.removed {
		return nil
	}
	const events = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT
	for len(p.sockets) <= s.fd {
		p.sockets = append(p.sockets, nil)
	}
	if p.sockets[s.fd] == s {
		return p.epoll.Modify(s.fd, events, int32(s.fd)) //nolint:gosec // G115: the kernel's file descriptors have 32 bits
	}
	p.sockets[s.fd] = s
	return p.epoll.Add(s.fd, events, int32(s.fd)) //nolint:gosec // G115: the kernel's file descriptors have 32 bits
}

// remove forgets a socket, which must still be open.
func (p *poller) remove(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.removed = true
	if s.fd < len(p.sockets) && p.sockets[s.fd] == s {
		p.sockets[s.fd] = nil
	}
}

// release waits until a removed socket is not being read: the next one to read it would otherwise
// hold up the reading of all.
func (p *poller) release(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.reading == s {
		p.paused.Wait()
	}
}

// read reads from the socket with this descriptor, if there still is one.
func (p *poller) read(fd int32, buffer []byte, panicked func(*socket, any)) {
	p.mu.Lock()
	if int(fd) < len(p.sockets) {
		p.reading = p.sockets[fd]
	}
	s := p.reading
	p.mu.Unlock()
	if s == nil {
		return
	}
	defer func() {
		cause := recover()
		p.mu.Lock()
		p.reading = nil
		p.paused.Broadcast()
		p.mu.Unlock()
		if cause != nil {
			panicked(s, cause)
		}
	}()
	s.readable(buffer)
}
