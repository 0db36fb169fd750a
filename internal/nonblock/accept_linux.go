package nonblock

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Accept accepts a connection that waits at a listener; its error is EAGAIN where none does. What it returns does not block, and is not
// for child processes. from is not valid where it is a unix socket.
func Accept(listener int) (fd int, from netip.Addr, err error) {
	var peer unix.RawSockaddrInet6 // it has room for one of IPv4, too
	size := uint32(unsafe.Sizeof(peer))
	accepted, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener), uintptr(unsafe.Pointer(&peer)), uintptr(unsafe.Pointer(&size)), //nolint:gosec // G103, G115: as package unix does it
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, from, errno
	}
	switch peer.Family {
	case unix.AF_INET:
		from = netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(&peer)).Addr) //nolint:gosec // G103: the kernel says that it is one
	case unix.AF_INET6:
		from = netip.AddrFrom16(peer.Addr)
	}
	return int(accepted), from, nil //nolint:gosec // G115: it is one
}
