//go:build linux && !386 && !s390x && !race && !msan && !asan

package nonblock

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestBlockingDescriptor: a descriptor that others have made blocking is not waited for.
func TestBlockingDescriptor(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	limit := unix.Timeval{Sec: 5} // a call that waits ends by itself then
	require.NoError(t, unix.SetsockoptTimeval(ends[0], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit))
	require.NoError(t, unix.SetsockoptTimeval(ends[0], unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit))
	began := time.Now()
	_, err = Read(ends[0], make([]byte, 1))
	require.Equal(t, syscall.EAGAIN, err)
	for err = nil; err == nil; {
		_, err = Write(ends[0], make([]byte, 1<<16))
	}
	require.Equal(t, syscall.EAGAIN, err)
	require.Less(t, time.Since(began), 5*time.Second)
}
