//go:build unix

package transport

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/stretchr/testify/require"
)

func TestUnixSocketPermissions(t *testing.T) {
	for given, want := range map[fs.FileMode]fs.FileMode{0: 0o660, 0o600: 0o600, 0o666: 0o666} {
		path := filepath.Join(shortDir(t), "s")
		listener, err := Listen(t.Context(), ListenOptions{SocketPath: path, SocketPermissions: given})
		require.NoError(t, err)
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm())
		require.NoError(t, listener.Close())
		require.NoFileExists(t, path, "removed at exit")
	}
}

func TestUnixSocketReplacesOnlyTheDead(t *testing.T) {
	t.Run("stale", func(t *testing.T) {
		path := filepath.Join(shortDir(t), "s")
		left, err := net.Listen("unix", path)
		require.NoError(t, err)
		left.(*net.UnixListener).SetUnlinkOnClose(false)
		require.NoError(t, left.Close())

		listener, err := Listen(t.Context(), ListenOptions{SocketPath: path})
		require.NoError(t, err)
		serve(t, listener, hello)
		require.Equal(t, "hello", testkit.RequestBy(t, dialUnix(path), "GET", "http://push").Body)
	})
	t.Run("alive", func(t *testing.T) {
		path := filepath.Join(shortDir(t), "s")
		listener, err := Listen(t.Context(), ListenOptions{SocketPath: path})
		require.NoError(t, err)
		serve(t, listener, hello)
		_, err = Listen(t.Context(), ListenOptions{SocketPath: path})
		require.ErrorContains(t, err, "another process listens there")
		require.Equal(t, "hello", testkit.RequestBy(t, dialUnix(path), "GET", "http://push").Body)
	})
	t.Run("inherited", func(t *testing.T) {
		path := filepath.Join(shortDir(t), "s")
		opened, err := net.Listen("unix", path)
		require.NoError(t, err)
		listener, err := Listen(t.Context(), ListenOptions{Inherited: opened, SocketPath: path})
		require.NoError(t, err)
		serve(t, listener, hello)
		require.Equal(t, "hello", testkit.RequestBy(t, dialUnix(path), "GET", "http://push").Body)
	})
	t.Run("a file", func(t *testing.T) {
		path := filepath.Join(shortDir(t), "s")
		require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
		_, err := Listen(t.Context(), ListenOptions{SocketPath: path})
		require.ErrorContains(t, err, "is no socket")
		require.FileExists(t, path)
	})
}

// accepted returns a connection that a client made to a new listener.
func accepted(t *testing.T) syscall.RawConn {
	t.Helper()
	listener, err := Listen(t.Context(), ListenOptions{Bind: "127.0.0.1"})
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	client, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	conn, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	raw, err := conn.(*net.TCPConn).SyscallConn()
	require.NoError(t, err)
	return raw
}

func TestNoKeepAlives(t *testing.T) {
	var on int
	var err error
	require.NoError(t, accepted(t).Control(func(fd uintptr) {
		on, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
	}))
	require.NoError(t, err)
	require.Zero(t, on)
}
