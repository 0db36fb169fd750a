//go:build unix && !linux

package nonblock

import (
	"errors"
	"syscall"
)

// Read reads what is there; its error is EAGAIN where that is nothing. At the end it returns 0 and no error.
func Read(fd int, buffer []byte) (n int, err error) { return call(syscall.Read, fd, buffer) }

// Write writes what the kernel takes; its error is EAGAIN where that is nothing.
func Write(fd int, data []byte) (n int, err error) { return call(syscall.Write, fd, data) }

func call(try func(int, []byte) (int, error), fd int, data []byte) (n int, err error) {
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		n, err = try(fd, data)
	}
	return max(n, 0), err
}
