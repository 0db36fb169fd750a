package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/notifypush/notifypush/storage/storagetest"
	"github.com/stretchr/testify/require"
)

// shortDir is a folder whose path leaves room for a socket's name: 100 bytes are all there are.
func shortDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "np")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// probeIPv6 reports whether this machine has IPv6.
func probeIPv6(t testing.TB) bool {
	listener, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	require.NoError(t, listener.Close())
	return true
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })

func TestListenBindsWhatIsAsked(t *testing.T) {
	for _, test := range []struct {
		bind       string
		reached    []string
		notReached []string
	}{
		{"", []string{"127.0.0.1", "::1"}, nil},
		{"::", []string{"127.0.0.1", "::1"}, nil},
		{"0.0.0.0", []string{"127.0.0.1"}, []string{"::1"}},
		{"127.0.0.1", []string{"127.0.0.1"}, []string{"127.0.0.2", "::1"}},
		{"::1", []string{"::1"}, []string{"127.0.0.1"}},
	} {
		t.Run(test.bind, func(t *testing.T) {
			if !probeIPv6(t) {
				t.Skip("no IPv6 here")
			}
			listener, err := Listen(t.Context(), ListenOptions{Bind: test.bind})
			require.NoError(t, err)
			serve(t, listener, hello)
			_, port, _ := net.SplitHostPort(listener.Addr().String())
			require.NotEqual(t, "0", port, "the port that the system chose is reported")
			for _, host := range test.reached {
				require.Equal(t, "hello", testkit.Request(t, "GET", "http://"+net.JoinHostPort(host, port)).Body)
			}
			for _, host := range test.notReached {
				_, err := net.Dial("tcp", net.JoinHostPort(host, port))
				require.ErrorIs(t, err, syscall.ECONNREFUSED)
			}
		})
	}
}

func TestLacksIPv6(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{
		{&net.OpError{Op: "listen", Err: os.NewSyscallError("socket", syscall.EAFNOSUPPORT)}, true},
		{&net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)}, true},
		{&net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}, false},
		{nil, false},
	} {
		require.Equal(t, test.want, lacksIPv6(test.err), "%v", test.err)
	}
}

func TestListenSaysWhyNot(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for _, test := range []struct {
		name    string
		options ListenOptions
		want    string
	}{
		{"the port is taken", ListenOptions{Bind: "127.0.0.1", Port: uint16(taken.Addr().(*net.TCPAddr).Port)}, "another process listens there"},
		{"the address is not ours", ListenOptions{Bind: "192.0.2.1"}, "192.0.2.1 is no address of this machine"},
		{"the folder is not there", ListenOptions{SocketPath: "/nowhere/s"}, "the folder /nowhere does not exist; make a folder for it, as RuntimeDirectory=notify_push"},
		{"a file instead of the folder", ListenOptions{SocketPath: "/etc/passwd/s"}, "/etc/passwd is a file, not a folder"},
		{"the path is too long", ListenOptions{SocketPath: "/tmp/" + strings.Repeat("x", 200)}, "the path has 205 bytes"},
		{"a certificate without key", ListenOptions{TLSCert: "cert.pem"}, "both a certificate and its key"},
		{"a key without certificate", ListenOptions{TLSKey: "key.pem"}, "both a certificate and its key"},
		{"no such certificate", ListenOptions{TLSCert: "/nowhere/cert.pem", TLSKey: "/nowhere/key.pem"}, "/nowhere/cert.pem"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Listen(t.Context(), test.options)
			require.ErrorContains(t, err, test.want)
		})
	}
}

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

// deadSocket leaves the file of a socket that nobody serves, with an owner.
func deadSocket(t *testing.T, path string, uid int, mode fs.FileMode) {
	left, err := net.Listen("unix", path)
	require.NoError(t, err)
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, left.Close())
	require.NoError(t, os.Chown(path, uid, uid))
	require.NoError(t, os.Chmod(path, mode))
}

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
		alive, err := net.Listen("unix", filepath.Join(ours, "alive"))
		require.NoError(t, err)
		t.Cleanup(func() { alive.Close() })
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

func TestTLS(t *testing.T) {
	authority := storagetest.NewAuthority(t)
	cert, key := authority.Issue("push.example", "push.example")
	listener, err := Listen(t.Context(), ListenOptions{Bind: "127.0.0.1", TLSCert: cert, TLSKey: key})
	require.NoError(t, err)
	serve(t, listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto, " ", r.TLS != nil)
	}))
	by := &http.Transport{
		DisableKeepAlives: true,
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{RootCAs: poolOf(t, authority.CA), ServerName: "push.example"},
	}
	require.Equal(t, "HTTP/1.1 true", testkit.RequestBy(t, by, "GET", "https://"+listener.Addr().String()).Body, "HTTP/2 has no Upgrade")

	by.TLSClientConfig.MinVersion, by.TLSClientConfig.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	_, err = tls.Dial("tcp", listener.Addr().String(), by.TLSClientConfig)
	require.ErrorContains(t, err, "protocol version not supported")
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

func TestListenerCloses(t *testing.T) {
	listener, err := Listen(t.Context(), ListenOptions{Bind: "127.0.0.1"})
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	_, err = listener.Accept()
	require.True(t, errors.Is(err, net.ErrClosed))
}

func poolOf(t *testing.T, file string) *x509.CertPool {
	pem, err := os.ReadFile(file)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	return pool
}
