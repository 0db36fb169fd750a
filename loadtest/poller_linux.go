package loadtest

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const pollEvents = 256 // taken at once

// poller tells when sockets can be read, or written to for the first time. One goroutine waits for all of them, and a
// socket on which nothing happens costs nothing.
type poller struct {
	epoll *os.File
}

// newPoller has Go's runtime watch the epoll descriptor, so that waiting takes no thread.
func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create an epoll instance: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("make the epoll instance pollable: %w", err)
	}
	return &poller{epoll: os.NewFile(uintptr(fd), "epoll")}, nil
}

// watch has index reported each time that something happens at the socket, until the socket is closed.
func (p *poller) watch(socket int, index int32) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xFFFFFFFF, Fd: index}
	raw, err := p.epoll.SyscallConn()
	if err != nil {
		return fmt.Errorf("watch a socket: %w", err)
	}
	if controlErr := raw.Control(func(fd uintptr) {
		err = unix.EpollCtl(int(fd), unix.EPOLL_CTL_ADD, socket, &event)
	}); controlErr != nil {
		err = controlErr
	}
	if err != nil {
		return fmt.Errorf("watch a socket: %w", err)
	}
	return nil
}

// run calls ready for each socket at which something has happened, until close. ended says that nothing more will come of it.
func (p *poller) run(ready func(index int32, ended bool)) {
	raw, err := p.epoll.SyscallConn()
	if err != nil {
		return
	}
	events := make([]unix.EpollEvent, pollEvents)
	for {
		n := 0
		err := raw.Read(func(fd uintptr) bool {
			n, err = unix.EpollWait(int(fd), events, 0)
			return n > 0
		})
		if err != nil {
			return
		}
		for _, event := range events[:n] {
			ready(event.Fd, event.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
		}
	}
}

func (p *poller) close() { _ = p.epoll.Close() }
