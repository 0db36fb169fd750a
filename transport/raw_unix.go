//go:build unix

package transport

import "syscall"

// tryRead reads what is there, without waiting.
func tryRead(fd int, buffer []byte) (int, error) { return syscall.Read(fd, buffer) }
