//go:build unix && (!linux || 386 || s390x || race || msan || asan)

package nonblock

import (
	"errors"
	"syscall"
)

// Read reads what has come to a socket; the error is EAGAIN where nothing has. At the end it returns 0 and no error.
func Read(fd int, buffer []byte) (n int, err error) { return repeat(syscall.Read, fd, buffer) }

// Write writes what a socket takes; the error is EAGAIN where it takes nothing.
func Write(fd int, data []byte) (n int, err error) { return repeat(syscall.Write, fd, data) }

func repeat(call func(int, []byte) (int, error), fd int, data []byte) (n int, err error) {
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		n, err = call(fd, data)
	}
	return max(n, 0), err
}
