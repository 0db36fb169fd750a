package loadtest

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

var (
	errAgain = unix.EAGAIN // nothing to read, or no room to write
	errEnded = errors.New("ended by the server without a close frame")
)

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
	if err := connect(fd, local, remote); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func connect(fd int, local netip.Addr, remote netip.AddrPort) error {
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

func closeSocket(fd int) { unix.Close(fd) }

// fileLimit is how many files this process may have open; Go has raised it as far as the system allows.
func fileLimit() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	return limit.Cur, nil
}
