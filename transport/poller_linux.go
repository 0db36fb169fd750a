package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/notifypush/notifypush/internal/epoll"
	"github.com/notifypush/notifypush/internal/nonblock"
)

const (
	pollBuffer = 16 << 10 // bytes read at once
	wakeTag    = -1       // of the event that probe causes; sockets have their file descriptor, and listeners listenerTag of it
)

var errPollerClosed = errors.New("sockets are not read any more")

// poller reads from all sockets of a process in one goroutine, and goes on with writes: a socket that nothing arrives on
// owns neither goroutine nor buffer. A socket is read, or written to, once when something happens, and again when its connection
// has dealt with that.
//
// All methods are safe for concurrent use. An error of run means that nothing is read any more.
type poller struct {
	epoll *epoll.Poller
	wake  int // an eventfd
	use   use // guarded by inUse

	mu        sync.Mutex
	sockets   []*polledSocket           // by file descriptor
	listeners map[int32]*polledListener // by file descriptor
	reading   *polledSocket             // by run, at this moment
	probes    []chan struct{}           // closed when run comes by
	closed    bool
}

func newPoller() (*poller, error) {
	waiter, err := epoll.New()
	if err != nil {
		return nil, err
	}
	p := &poller{epoll: waiter}
	if p.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = waiter.Close()
		return nil, fmt.Errorf("create an eventfd: %w", err)
	}
	if err := waiter.Add(p.wake, unix.EPOLLIN, wakeTag); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// stop ends run. Sockets must be gone by then.
func (p *poller) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	_ = p.epoll.Close()
	_ = unix.Close(p.wake)
}

// run reads and writes until stop, or until it fails. panicked is called with what went wrong with one socket.
func (p *poller) run(panicked func(s *polledSocket, cause any)) error {
	buffer := make([]byte, pollBuffer)
	return p.epoll.Run(func(tag int32, events uint32) {
		if tag == wakeTag {
			p.answerProbes()
			return
		}
		if tag < wakeTag {
			p.accept(listenerTag(tag))
			return
		}
		p.handle(tag, events, buffer, panicked)
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

// watch has the socket's readable called once, when there is something to read, or its writable, when the kernel takes more
// (EPOLLIN, EPOLLOUT). Of a socket that is closed nothing is read any more, and that is no error.
//
// What has been read stays armed, and begin disarms it only where more comes before it is awaited again: most connections
// have dealt with what came by then, and need no system call to read on.
func (p *poller) watch(s *polledSocket, event uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.gone {
		return nil
	}
	s.awaited |= event
	if s.armed&event != 0 {
		return nil
	}
	return p.arm(s)
}

// arm has the kernel report what a socket awaits, and nothing else. mu is held.
func (p *poller) arm(s *polledSocket) (err error) {
	events := s.awaited
	if events == 0 {
		events = unix.EPOLLONESHOT // the end of a connection is reported in any case: not again and again
	}
	for len(p.sockets) <= int(s.fd) {
		p.sockets = append(p.sockets, nil)
	}
	if p.sockets[s.fd] == s {
		err = p.epoll.Modify(int(s.fd), events, s.fd)
	} else if err = p.epoll.Add(int(s.fd), events, s.fd); err == nil {
		p.sockets[s.fd] = s
	}
	if err != nil {
		s.armed = 0
		return err
	}
	s.armed = s.awaited
	return nil
}

// close closes a socket, once: at this moment, or when run is done with it.
func (p *poller) close(s *polledSocket) {
	p.mu.Lock()
	if s.gone {
		p.mu.Unlock()
		return
	}
	s.gone = true
	if int(s.fd) < len(p.sockets) && p.sockets[s.fd] == s {
		p.sockets[s.fd] = nil
	}
	busy := p.reading == s
	p.mu.Unlock()
	if !busy {
		closeDescriptor(s)
	}
}

func closeDescriptor(s *polledSocket) {
	_ = nonblock.Close(int(s.fd))
	if s.login.Load() == nil { // else the login counts it out
		s.websocket.leave()
	}
}

// forget has a socket not be watched any more.
func (p *poller) forget(s *polledSocket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.awaited, s.armed = 0, 0
	if int(s.fd) < len(p.sockets) && p.sockets[s.fd] == s {
		p.sockets[s.fd] = nil
		_ = p.epoll.Remove(int(s.fd))
	}
}

// handle does what the socket with this descriptor waits for, if there still is one.
func (p *poller) handle(fd int32, events uint32, buffer []byte, panicked func(*polledSocket, any)) {
	s, happened := p.begin(fd, events)
	if s == nil {
		return
	}
	defer func() {
		if cause := recover(); cause != nil {
			panicked(s, cause)
		}
		if p.end(s) {
			closeDescriptor(s)
		}
	}()
	if happened&unix.EPOLLOUT != 0 {
		s.writable()
	}
	if happened&unix.EPOLLIN != 0 {
		s.readable(buffer)
	}
}

// begin returns the socket, and what has happened of what it waits for.
func (p *poller) begin(fd int32, events uint32) (s *polledSocket, happened uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if int(fd) >= len(p.sockets) || p.sockets[fd] == nil {
		return nil, 0
	}
	s = p.sockets[fd]
	happened = events & s.awaited
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		happened = s.awaited
	}
	p.reading = s
	s.awaited &^= happened
	if s.armed != 0 && (happened == 0 || happened&unix.EPOLLOUT != 0) { // it comes unawaited, or the kernel would always take more
		_ = p.arm(s)
	}
	return s, happened
}

// end reports whether the socket was closed meanwhile.
func (p *poller) end(s *polledSocket) (closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reading = nil
	return s.gone
}
