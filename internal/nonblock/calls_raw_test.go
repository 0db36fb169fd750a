//go:build linux && !386 && !s390x && !race

package nonblock

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestBlockingDescriptor: a descriptor that others have made blocking is not waited for.
func TestBlockingDescriptor(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	_, err = Read(ends[0], make([]byte, 1))
	require.Equal(t, syscall.EAGAIN, err)
	for err = nil; err == nil; {
		_, err = Write(ends[0], make([]byte, 1<<16))
	}
	require.Equal(t, syscall.EAGAIN, err)
}
