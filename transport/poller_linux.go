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
	return p, nil
}

// close ends run. Sockets must be gone by then.
func (p *poller) close() { _ = p.epoll.Close() }

// watch has the socket's readable called once, when there is something to read.
func (p *poller) watch(s *socket) error {
	op := unix.EPOLL_CTL_MOD
	p.mu.Lock()
	for len(p.sockets) <= s.fd {
		p.sockets = append(p.sockets, nil)
	}
	if p.sockets[s.fd] != s {
		p.sockets[s.fd] = s
		op = unix.EPOLL_CTL_ADD
	}
	p.mu.Unlock()
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: int32(s.fd)}
	raw, err := p.epoll.SyscallConn()
	if err != nil {
		return err
	}
	controlErr := raw.Control(func(fd uintptr) { err = unix.EpollCtl(int(fd), op, s.fd, &event) })
	if controlErr != nil {
		return controlErr
	}
	return err
}

// remove forgets a socket; it may still be open.
func (p *poller) remove(s *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.fd < len(p.sockets) && p.sockets[s.fd] == s {
		p.sockets[s.fd] = nil
	}
}

func (p *poller) socket(fd int32) *socket {
	p.mu.Lock()
	defer p.mu.Unlock()
	if int(fd) >= len(p.sockets) {
		return nil
	}
	return p.sockets[fd]
}

// run reads until close.
func (p *poller) run() {
	raw, err := p.epoll.SyscallConn()
	if err != nil {
		return
	}
	events := make([]unix.EpollEvent, pollEvents)
	buffer := make([]byte, pollBuffer)
	for {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			n, err = unix.EpollWait(int(fd), events, 0)
			return n > 0 || err != nil
		})
		if err != nil {
			return
		}
		for _, event := range events[:max(n, 0)] {
			if s := p.socket(event.Fd); s != nil {
				s.readable(buffer)
			}
		}
	}
}
