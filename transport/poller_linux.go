package transport

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	pollEvents = 256
	pollBuffer = 16 << 10 // bytes read at once
)

// poller reads from all sockets of a server in one goroutine: a socket that nothing arrives on
// owns neither goroutine nor buffer.
//
// A socket is watched once, until something arrives; then it is read, and watched again when its
// connection has dealt with that. The epoll descriptor is itself watched by Go's runtime, so that
// no thread is spent on waiting.
type poller struct {
	epoll *os.File

	mu      sync.Mutex
	sockets []*socket // by file descriptor
	reading *socket   // by run, at this moment
	paused  sync.Cond // of reading, when it changes
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create an epoll instance: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("make the epoll instance pollable: %w", err)
	}
	p := &poller{epoll: os.NewFile(uintptr(fd), "epoll")}
	p.paused.L = &p.mu
	return p, nil
}

// close ends run. Sockets must be gone by then.
func (p *poller) close() { _ = p.epoll.Close() }

// watch has the socket's readable called once, when there is something to read. Of a socket that
// was removed nothing is read any more, and that is no error.
func (p *poller) watch(s *socket) error {
	epoll, err := p.epoll.SyscallConn()
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.removed {
		return nil
	}
	op := unix.EPOLL_CTL_MOD
	for len(p.sockets) <= s.fd {
		p.sockets = append(p.sockets, nil)
	}
	if p.sockets[s.fd] != s {
		p.sockets[s.fd] = s
		op = unix.EPOLL_CTL_ADD
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(s.fd)}
	var epollErr error
	if err := epoll.Control(func(fd uintptr) { epollErr = unix.EpollCtl(int(fd), op, s.fd, &event) }); err != nil {
		return err
	}
	return epollErr
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

// release waits until a removed socket is not being read: whoever reads it next would otherwise
// hold up the reading of all.
func (p *poller) release(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.reading == s {
		p.paused.Wait()
	}
}

// read reads from the socket with this descriptor, if there still is one.
func (p *poller) read(fd int32, buffer []byte) {
	p.mu.Lock()
	if int(fd) < len(p.sockets) {
		p.reading = p.sockets[fd]
	}
	s := p.reading
	p.mu.Unlock()
	if s == nil {
		return
	}
	s.readable(buffer)
	p.mu.Lock()
	p.reading = nil
	p.paused.Broadcast()
	p.mu.Unlock()
}

// run reads until close.
func (p *poller) run() {
	epoll, err := p.epoll.SyscallConn()
	if err != nil {
		return
	}
	events := make([]unix.EpollEvent, pollEvents)
	buffer := make([]byte, pollBuffer)
	for {
		n := 0
		var waitErr error
		err := epoll.Read(func(fd uintptr) bool {
			n, waitErr = unix.EpollWait(int(fd), events, 0)
			return n != 0
		})
		if err != nil || waitErr != nil && waitErr != unix.EINTR {
			return
		}
		for _, event := range events[:max(n, 0)] {
			p.read(event.Fd, buffer)
		}
	}
}
