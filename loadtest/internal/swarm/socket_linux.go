package swarm

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/notifypush/notifypush/internal/epoll"
)

var (
	errAgain = unix.EAGAIN // nothing to read, or no room to write
	errEnded = errors.New("ended by the server without a close frame")
)

// poller tells when sockets can be read, or written to for the first time.
type poller struct{ *epoll.Poller }

func newPoller() (poller, error) {
	p, err := epoll.New()
	return poller{p}, err
}

// watch has run report index each time that something happens at the socket.
func (p poller) watch(fd int, index int32) error {
	return p.Add(fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET&0xFFFFFFFF, index)
}

// run ends when the poller is closed.
func (p poller) run(report func(index int32, ended bool)) error {
	return p.Run(func(index int32, events uint32) {
		report(index, events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0)
	})
}

func (p poller) close() { _ = p.Close() }

// dialSocket begins to connect and returns at once. A valid local address is where the connection comes from.
func dialSocket(local netip.Addr, remote netip.AddrPort) (fd int, err error) {
	family := unix.AF_INET
	if remote.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, fmt.Errorf("open a socket: %w", err)
	}
	if err := connectSocket(fd, local, remote); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func connectSocket(fd int, local netip.Addr, remote netip.AddrPort) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("set TCP_NODELAY: %w", err)
	}
	if local.IsValid() {
		// The port is chosen when connecting, so that each local address has all its ports for each server.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return fmt.Errorf("set IP_BIND_ADDRESS_NO_PORT: %w", err)
		}
		if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(local, 0))); err != nil {
			return fmt.Errorf("bind to %s: %w", local, err)
		}
	}
	if err := unix.Connect(fd, sockaddr(remote)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return err
	}
	return nil
}

func sockaddr(at netip.AddrPort) unix.Sockaddr {
	if at.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
}

// readSocket returns errAgain when there is nothing, and errEnded when there will be nothing more.
func readSocket(fd int, buffer []byte) (int, error) {
	n, err := ignoringEINTR(func() (int, error) { return unix.Read(fd, buffer) })
	if n == 0 && err == nil {
		return 0, errEnded
	}
	return n, err
}

// writeSocket writes all of a short message or fails.
func writeSocket(fd int, data []byte) error {
	n, err := ignoringEINTR(func() (int, error) { return unix.Write(fd, data) })
	if err == nil && n < len(data) {
		return errors.New("the server does not read")
	}
	return err
}

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// refusedByPeer reports whether writing failed because the other side has ended the connection.
func refusedByPeer(err error) bool {
	return errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET)
}

func closeSocket(fd int) { unix.Close(fd) }
