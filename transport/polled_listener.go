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

	"github.com/notifypush/notifypush/internal/nonblock"
)

// acceptBatch is how many connections are accepted at once.
const acceptBatch = 64

// polledListener accepts connections of plain TCP, or of a unix socket, in the poller's goroutine: those of the net package would
// cost a third more of a login's system calls, and give up their descriptor a moment later. The listener stays the net package's.
type polledListener struct {
	// set once
	i          *interceptor
	poller     *poller
	raw        syscall.RawConn
	fd         int32
	lingers    bool             // as a host has set it; so do those that it accepts
	acceptNext func(fd uintptr) // accepts into next; made once, because each one would be allocated

	listening atomic.Bool // until an error
	next      nextConn    // owned by accept
	starved   bool        // the batch before could accept nobody; owned by accept
}

// nextConn is a connection, or why there is none: EAGAIN where none waits.
type nextConn struct {
	fd   int32
	peer netip.Addr
	err  error
}

// newAcceptor returns one that accepts in the poller's goroutine, or where that cannot be in one of its own.
func (i *interceptor) newAcceptor() acceptor {
	l := &polledListener{i: i, poller: i.websocket.poller}
	if l.poller == nil || !l.open() {
		return &goroutineAcceptor{i: i}
	}
	return l
}

// open reports whether it is a listener that the poller can watch.
func (l *polledListener) open() bool {
	switch l.i.Listener.(type) {
	case *net.TCPListener, *net.UnixListener: // and nothing that a host has wrapped around one
	default:
		return false
	}
	raw, err := l.i.Listener.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	l.raw = raw
	l.acceptNext = func(listener uintptr) {
		fd, peer, err := nonblock.Accept(int(listener)) //nolint:gosec // G115: it is one
		l.next = nextConn{int32(fd), plain(peer), err}  //nolint:gosec // G115: it is one
	}
	err = raw.Control(func(fd uintptr) {
		l.fd = int32(fd)                                                       //nolint:gosec // G115: it is one
		l.lingers = nonblock.Lingers(int(fd))                                  //nolint:gosec // G115: it is one
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // of those that it accepts, as the net package has it
	})
	return err == nil
}

func (l *polledListener) start() {
	if l.listening.Swap(true) {
		return
	}
	l.i.websocket.startReading()
	if err := l.poller.listen(l); err != nil {
		l.fail(err)
	}
}

func (l *polledListener) stop() { l.poller.unlisten(l) }

func (l *polledListener) fail(err error) {
	l.listening.Store(false)
	l.i.fail(err)
}

// listenerTag is that of a listener with this descriptor, and the other way round.
func listenerTag(fd int32) int32 { return wakeTag - 1 - fd }

// listen has connections accepted, until an error or unlisten.
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
	_ = l.raw.Control(func(fd uintptr) { nonblock.KeepFromBlocking(int(fd)) }) //nolint:gosec // G115: it is one
	for n := range acceptBatch {
		l.next.err = unix.EAGAIN // where the listener is closed
		_ = l.raw.Control(l.acceptNext)
		switch next := l.next; {
		case next.err == nil:
			l.starved = false
			l.begin(next)
		case errors.Is(next.err, unix.EAGAIN):
			return
		case errors.Is(next.err, unix.EINTR), errors.Is(next.err, unix.ECONNABORTED):
		case !l.starved: // until those that have ended are closed, before the second try: net/http would wait for up to a second
			l.starved = n == 0
			return
		default:
			l.starved = false
			_ = l.raw.Control(func(fd uintptr) { _ = l.poller.epoll.Modify(int(fd), 0, listenerTag(l.fd)) })
			address := l.i.Addr()
			l.fail(&net.OpError{Op: "accept", Net: address.Network(), Addr: address, Err: os.NewSyscallError("accept4", next.err)})
			return
		}
	}
}

func (l *polledListener) begin(c nextConn) {
	if l.lingers {
		nonblock.KeepFromLingering(int(c.fd))
	}
	l.i.begin(&polledSocket{poller: l.poller, websocket: l.i.websocket, peer: c.peer, fd: c.fd}, c.peer)
}
