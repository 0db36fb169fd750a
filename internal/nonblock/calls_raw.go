//go:build linux && !386 && !s390x && !race && !msan && !asan

package nonblock

import (
	"errors"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read reads what has come to a socket; the error is EAGAIN where nothing has. At the end it returns 0 and no error.
func Read(fd int, buffer []byte) (n int, err error) {
	return repeat(unix.SYS_RECVFROM, fd, buffer, unix.MSG_DONTWAIT)
}

// Write writes what a socket takes; the error is EAGAIN where it takes nothing.
func Write(fd int, data []byte) (n int, err error) {
	return repeat(unix.SYS_SENDTO, fd, data, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

func repeat(number uintptr, fd int, data []byte, flags uintptr) (n int, err error) {
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		n, err = call(number, fd, data, flags)
	}
	return n, err
}

func call(number uintptr, fd int, data []byte, flags uintptr) (n int, err error) {
	done, _, errno := unix.RawSyscall6(number, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)), flags, 0, 0) //nolint:gosec // G103, G115: as package syscall does it
	if errno != 0 {
		return 0, errno
	}
	return int(done), nil //nolint:gosec // G115: at most len(data)
}

// Close closes a socket that does not linger (see Lingers): the call would wait, with its place in the runtime.
func Close(fd int) error {
	if _, _, errno := unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0); errno != 0 { //nolint:gosec // G115: it is one
		return errno
	}
	return nil
}

// KeepFromBlocking has a listener not block, also after a child process has got it from package os, which makes it block.
func KeepFromBlocking(listener int) {
	_, _, _ = unix.RawSyscall(unix.SYS_FCNTL, uintptr(listener), unix.F_SETFL, unix.O_NONBLOCK) //nolint:gosec // G115: it is one
}

// Accept accepts a connection that waits at a listener, which must not block; the error is EAGAIN where none waits. The descriptor does not
// block, and is closed on exec. The address is the zero one over a unix socket.
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
