//go:build linux

package transport

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// acceptBatch is how many connections are accepted at once.
const acceptBatch = 64

// polledListener accepts connections of plain TCP, or of a unix socket, in the poller's goroutine: those of the net package would
// cost a third more of a login's system calls, and give up their descriptor a moment later. The listener stays the net package's.
type polledListener struct {
	// set once
	raw      syscall.RawConn
	address  net.Addr
	poller   *poller
	fd       int32
	accepted func(fd int32, peer netip.Addr)
	failed   func(error)
}

// newPolledListener returns nil where no poller can do it.
func newPolledListener(p *poller, listener net.Listener) *polledListener {
	switch listener.(type) {
	case *net.TCPListener, *net.UnixListener: // and nothing that a host has wrapped around one
	default:
		return nil
	}
	if p == nil {
		return nil
	}
	raw, err := listener.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil
	}
	l := &polledListener{raw: raw, address: listener.Addr(), poller: p}
	err = raw.Control(func(fd uintptr) {
		l.fd = int32(fd)                                                       //nolint:gosec // G115: it is one
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // of those that it accepts, as the net package has it
	})
	if err != nil {
		return nil
	}
	return l
}

// listenerTag is that of a listener with this descriptor, and the other way round.
func listenerTag(fd int32) int32 { return wakeTag - 1 - fd }

// listen has connections accepted, until an error has gone to failed or unlisten.
func (p *poller) listen(l *polledListener) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listeners[l.fd] == l {
		return p.epoll.Modify(int(l.fd), unix.EPOLLIN, listenerTag(l.fd))
	}
	if p.listeners == nil {
		p.listeners = map[int32]*polledListener{}
	}
	p.listeners[l.fd] = l
	return p.epoll.Add(int(l.fd), unix.EPOLLIN, listenerTag(l.fd))
}

// unlisten ends it; the listener may be closed already.
func (p *poller) unlisten(l *polledListener) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listeners[l.fd] == l {
		delete(p.listeners, l.fd)
		_ = l.raw.Control(func(fd uintptr) { _ = p.epoll.Remove(int(fd)) })
	}
}

// accept accepts what waits at a listener.
func (p *poller) accept(fd int32) {
	p.mu.Lock()
	l := p.listeners[fd]
	p.mu.Unlock()
	if l != nil {
		l.accept()
	}
}

func (l *polledListener) accept() {
	for range acceptBatch {
		fd, peer, err := l.next()
		switch {
		case err == nil:
			l.accepted(fd, peer)
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
		default:
			_ = l.raw.Control(func(fd uintptr) { _ = l.poller.epoll.Modify(int(fd), 0, listenerTag(l.fd)) })
			l.failed(&net.OpError{Op: "accept", Net: l.address.Network(), Addr: l.address, Err: os.NewSyscallError("accept4", err)})
			return
		}
	}
}

func (l *polledListener) next() (fd int32, peer netip.Addr, err error) {
	var from unix.Sockaddr
	controlErr := l.raw.Control(func(listener uintptr) {
		var accepted int
		accepted, from, err = unix.Accept4(int(listener), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		fd = int32(accepted) //nolint:gosec // G115: it is one
	})
	if controlErr != nil {
		return 0, peer, unix.EAGAIN // it is closed
	}
	switch from := from.(type) {
	case *unix.SockaddrInet4:
		peer = netip.AddrFrom4(from.Addr)
	case *unix.SockaddrInet6:
		peer = plain(netip.AddrFrom16(from.Addr))
	}
	return fd, peer, err
}

// newAcceptor returns one that accepts in the poller's goroutine, or where that cannot be in one of its own.
func (i *interceptor) newAcceptor() acceptor {
	w := i.websocket
	l := newPolledListener(w.poller, i.Listener)
	if l == nil {
		return &goroutineAcceptor{i: i}
	}
	a := &polledAcceptor{websocket: w, listener: l}
	l.accepted = func(fd int32, peer netip.Addr) {
		i.begin(&polledSocket{poller: w.poller, websocket: w, peer: peer, fd: fd}, peer)
	}
	l.failed = func(err error) {
		a.listening.Store(false)
		i.fail(err)
	}
	return a
}

// polledAcceptor accepts in the poller's goroutine.
type polledAcceptor struct {
	websocket *Websocket
	listener  *polledListener
	listening atomic.Bool // until an error
}

func (a *polledAcceptor) start() {
	if a.listening.Swap(true) {
		return
	}
	a.websocket.startReading()
	if err := a.listener.poller.listen(a.listener); err != nil {
		a.listener.failed(err)
	}
}

func (a *polledAcceptor) stop() { a.listener.poller.unlisten(a.listener) }
