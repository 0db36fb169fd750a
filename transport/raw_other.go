//go:build !unix

package transport

import "syscall"

// tryRead cannot read without waiting here.
func tryRead(int, []byte) (int, error) { return 0, syscall.EAGAIN }
