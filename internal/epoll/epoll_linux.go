package epoll

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const batch = 256 // events taken at once

// Poller is an epoll instance (epoll(7)). Go's runtime watches its descriptor, so that waiting takes no thread.
// Add, Modify and Close may be called concurrently with Run; Run only once.
type Poller struct {
	file   *os.File
	closed atomic.Bool
}

// New creates one; it must be closed.
func New() (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create an epoll instance: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("make the epoll instance pollable: %w", err)
	}
	return &Poller{file: os.NewFile(uintptr(fd), "epoll")}, nil
}

// Add registers a socket until it is closed. Run reports the events (EPOLLIN and so on) with tag.
func (p *Poller) Add(fd int, events uint32, tag int32) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, events, tag)
}

// Modify replaces the events of a registered socket, and arms it again when it has EPOLLONESHOT.
func (p *Poller) Modify(fd int, events uint32, tag int32) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, events, tag)
}

// Remove has a socket that stays open not be reported any more.
func (p *Poller) Remove(fd int) error { return p.control(unix.EPOLL_CTL_DEL, fd, 0, 0) }

func (p *Poller) control(op, fd int, events uint32, tag int32) error {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("watch a socket: %w", err)
	}
	event := unix.EpollEvent{Events: events, Fd: tag}
	var epollErr error
	if err := raw.Control(func(epoll uintptr) { epollErr = unix.EpollCtl(int(epoll), op, fd, &event) }); err != nil {
		epollErr = err
	}
	if epollErr != nil {
		return fmt.Errorf("watch a socket: %w", epollErr)
	}
	return nil
}

// Run calls handle for each socket at which something has happened, until Close, which makes it return nil.
func (p *Poller) Run(handle func(tag int32, events uint32)) error {
	raw, err := p.file.SyscallConn()
	events := make([]unix.EpollEvent, batch)
	for err == nil {
		n := 0
		var waitErr error
		err = raw.Read(func(epoll uintptr) bool {
			n, waitErr = look(epoll, events)
			return n != 0 || waitErr != nil // none: the runtime waits
		})
		if waitErr != nil && !errors.Is(waitErr, unix.EINTR) {
			err = waitErr
		}
		for _, event := range events[:n] {
			handle(event.Fd, event.Events)
		}
	}
	if p.closed.Load() {
		return nil
	}
	return fmt.Errorf("wait for sockets: %w", err)
}

// look returns how many events there are, without waiting, so without telling Go's scheduler (see package nonblock).
func look(epoll uintptr, events []unix.EpollEvent) (n int, err error) {
	found, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, epoll, uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0) //nolint:gosec // G103: as package unix does it
	if errno != 0 {
		return 0, errno
	}
	return int(found), nil //nolint:gosec // G115: at most len(events)
}

// Close ends Run.
func (p *Poller) Close() error {
	p.closed.Store(true)
	return p.file.Close()
}
