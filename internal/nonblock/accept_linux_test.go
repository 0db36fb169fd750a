package nonblock

import (
	"net"
	"net/netip"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestAccept(t *testing.T) {
	for network, address := range map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0", "tcp": ":0", "unix": filepath.Join(t.TempDir(), "s")} {
		t.Run(network, func(t *testing.T) {
			listener, err := net.Listen(network, address)
			if network == "tcp6" && err != nil {
				t.Skip("no IPv6 here")
			}
			require.NoError(t, err)
			defer listener.Close()
			raw, err := listener.(syscall.Conn).SyscallConn()
			require.NoError(t, err)
			require.NoError(t, raw.Control(func(fd uintptr) {
				_, _, err = Accept(int(fd))
			}))
			require.Equal(t, syscall.EAGAIN, err, "nobody is there")

			dialer := net.Dialer{}
			if network == "unix" { // with a name of its own, for which there is not room enough
				dialer.LocalAddr = &net.UnixAddr{Name: filepath.Join(t.TempDir(), "client"), Net: "unix"}
			}
			client, err := dialer.Dial(listener.Addr().Network(), listener.Addr().String())
			require.NoError(t, err)
			defer client.Close()
			var fd int
			var from netip.Addr
			require.NoError(t, raw.Control(func(listener uintptr) {
				_, err = unix.Poll([]unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}, -1)
				require.NoError(t, err)
				fd, from, err = Accept(int(listener))
			}))
			require.NoError(t, err)
			defer unix.Close(fd)
			if network == "unix" {
				require.False(t, from.IsValid())
			} else {
				require.Equal(t, client.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap(), from.Unmap())
			}
			flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
			require.NoError(t, err)
			require.NotZero(t, flags&unix.O_NONBLOCK)
			flags, err = unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
			require.NoError(t, err)
			require.NotZero(t, flags&unix.FD_CLOEXEC)

			_, err = Read(fd, make([]byte, 1))
			require.Equal(t, syscall.EAGAIN, err)
			n, err := Write(fd, []byte("hello"))
			require.NoError(t, err)
			require.Equal(t, 5, n)
			require.NoError(t, client.Close())
		})
	}
}
