//go:build 386 || s390x || race || msan || asan

package nonblock

import (
	"net/netip"
	"syscall"
)

// Close closes a socket that does not linger (see Lingers): the call would wait, with its place in the runtime.
func Close(fd int) error { return syscall.Close(fd) }

// KeepFromBlocking has a listener not block, also after a child process has got it from package os, which makes it block.
func KeepFromBlocking(listener int) { _ = syscall.SetNonblock(listener, true) }

// Accept accepts a connection that waits at a listener, which must not block; the error is EAGAIN where none waits. The descriptor does not
// block, and is closed on exec. The address is the zero one over a unix socket.
func Accept(listener int) (fd int, from netip.Addr, err error) {
	fd, peer, err := syscall.Accept4(listener, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC) // unix.Accept4 asks for the protocol, too
	switch peer := peer.(type) {
	case *syscall.SockaddrInet4:
		from = netip.AddrFrom4(peer.Addr)
	case *syscall.SockaddrInet6:
		from = netip.AddrFrom16(peer.Addr)
	}
	return fd, from, err
}
