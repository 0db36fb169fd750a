//go:build unix

package transport

import "syscall"

// canTry says that a file descriptor can be read and written without waiting.
const canTry = true

func tryRead(fd uintptr, buffer []byte) (int, error) { return syscall.Read(int(fd), buffer) }

func tryWrite(fd uintptr, data []byte) (int, error) { return syscall.Write(int(fd), data) }
