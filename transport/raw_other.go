//go:build !unix

package transport

import "syscall"

// canTry says that a file descriptor can be read and written without waiting. Here a goroutine reads, and
// another one writes.
const canTry = false

func tryRead(uintptr, []byte) (int, error) { return 0, syscall.EAGAIN }

func tryWrite(uintptr, []byte) (int, error) { return 0, syscall.EAGAIN }
