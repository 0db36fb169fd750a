package nonblock

import (
	"errors"
	"syscall"
	"unsafe"
)

// Read reads what is there; its error is EAGAIN where that is nothing. At the end it returns 0 and no error.
func Read(fd int, buffer []byte) (n int, err error) { return call(syscall.SYS_READ, fd, buffer) }

// Write writes what the kernel takes; its error is EAGAIN where that is nothing.
func Write(fd int, data []byte) (n int, err error) { return call(syscall.SYS_WRITE, fd, data) }

func call(number uintptr, fd int, data []byte) (n int, err error) {
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		n, err = callOnce(number, fd, data)
	}
	return n, err
}

func callOnce(number uintptr, fd int, data []byte) (n int, err error) {
	done, _, errno := syscall.RawSyscall(number, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data))) //nolint:gosec // G103, G115: as package syscall does it
	if errno != 0 {
		return 0, errno
	}
	return int(done), nil //nolint:gosec // G115: at most len(data)
}
