package transport

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// canTry says that a file descriptor can be read and written without waiting.
const canTry = true

// tryRead and tryWrite do not tell the scheduler of their system calls, because these never wait: it would take the
// processor away from the goroutine when one takes longer than 20 µs, and wake another thread for it.

func tryRead(fd uintptr, buffer []byte) (int, error) { return try(unix.SYS_READ, fd, buffer) }

func tryWrite(fd uintptr, data []byte) (int, error) { return try(unix.SYS_WRITE, fd, data) }

func try(call, fd uintptr, data []byte) (int, error) {
	n, _, errno := unix.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)))
	if errno != 0 {
		return -1, errno
	}
	return int(n), nil
}
