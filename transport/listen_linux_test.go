package transport

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/notifypush/notifypush/storage/storagetest"
	"github.com/stretchr/testify/require"
)

// The folder decides who may take the place of what nobody serves.
func TestUnixSocketOfAnotherUser(t *testing.T) {
	const uid, other = 64998, 64997
	ours := os.Getenv("SOCKETS_FOLDER")
	modes := map[string]fs.FileMode{"600": 0o600, "660": 0o660, "755": 0o755}
	if ours == "" && os.Getuid() == 0 {
		ours = shortDir(t)
		for name, mode := range modes {
			deadSocket(t, filepath.Join(ours, name), other, mode)
		}
		require.NoError(t, os.Chown(ours, uid, uid))
		foreign := filepath.Join(ours, "foreign")
		require.NoError(t, os.Mkdir(foreign, 0o755))
		deadSocket(t, filepath.Join(foreign, "dead"), other, 0o600)
		require.NoError(t, os.Mkdir(filepath.Join(ours, "closed"), 0o700))
		for _, name := range []string{"alive", "another 600", "another660"} {
			alive, err := net.Listen("unix", filepath.Join(ours, name))
			require.NoError(t, err)
			t.Cleanup(func() { alive.Close() })
		}
		require.NoError(t, os.Chmod(filepath.Join(ours, "alive"), 0o600))
	}
	if !storagetest.AsUser(t, uid, uid, "SOCKETS_FOLDER="+ours) {
		return
	}
	for name := range modes {
		listener, err := Listen(t.Context(), ListenOptions{SocketPath: filepath.Join(ours, name)})
		require.NoError(t, err, name)
		require.NoError(t, listener.Close())
	}
	for name, words := range map[string][]string{
		"alive":        {"another process listens there"},
		"foreign/new":  {"user 64998 may not write to the folder " + filepath.Join(ours, "foreign"), "RuntimeDirectory=notify_push"},
		"foreign/dead": {"user 64997 left this socket behind", "user 64998 may not remove it"},
		"closed/new":   {"user 64998 may not enter the folder " + filepath.Join(ours, "closed"), "RuntimeDirectory=notify_push"},
	} {
		_, err := Listen(t.Context(), ListenOptions{SocketPath: filepath.Join(ours, name)})
		for _, word := range words {
			require.ErrorContains(t, err, word, name)
		}
	}
	_, err := Listen(t.Context(), ListenOptions{Bind: "127.0.0.1", Port: 80})
	if err != nil { // where ports below 1024 are not free for everybody
		require.ErrorContains(t, err, "CAP_NET_BIND_SERVICE")
	}
}

// deadSocket leaves the file of a socket that nobody serves, with an owner.
func deadSocket(t *testing.T, path string, uid int, mode fs.FileMode) {
	left, err := net.Listen("unix", path)
	require.NoError(t, err)
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, left.Close())
	require.Eventually(t, func() bool { // a process that another test is starting may have it for a moment
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	}, patience, time.Millisecond)
	require.NoError(t, os.Chown(path, uid, uid))
	require.NoError(t, os.Chmod(path, mode))
}
