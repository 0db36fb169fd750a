package nonblock

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestClose: nobody waits until the other end has read, and a wish to reset the connection is kept.
func TestClose(t *testing.T) {
	for name, linger := range map[string]unix.Linger{"off": {}, "wait": {Onoff: 1, Linger: 20}, "wait for ever": {Onoff: 1, Linger: -1}, "reset": {Onoff: 1}} {
		t.Run(name, func(t *testing.T) {
			conn, client := pair(t, "tcp")
			fd := takeDescriptor(t, conn)
			err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &linger)
			require.NoError(t, err)
			KeepFromLingering(fd)
			for err == nil {
				_, err = Write(fd, make([]byte, 1<<20))
			}
			require.Equal(t, syscall.EAGAIN, err)
			began := time.Now()
			require.NoError(t, Close(fd))
			require.Less(t, time.Since(began), 5*time.Second)
			if name == "reset" {
				_, err = io.Copy(io.Discard, client)
				require.ErrorIs(t, err, syscall.ECONNRESET)
			}
		})
	}
}

// takeDescriptor returns the only one of a connection.
func takeDescriptor(t *testing.T, conn net.Conn) (fd int) {
	raw, err := conn.(syscall.Conn).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(of uintptr) { fd, err = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) }))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	return fd
}
