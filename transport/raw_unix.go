//go:build unix

package transport

import "syscall"

// tryRead reads what is there, without waiting.
func tryRead(fd uintptr, buffer []byte) (int, error) { return syscall.Read(int(fd), buffer) }
