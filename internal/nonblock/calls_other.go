//go:build !unix

package nonblock

import "syscall"

// Read cannot read without waiting here.
func Read(int, []byte) (n int, err error) { return 0, syscall.EAGAIN }
