package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/notifypush/notifypush/internal/testkit/certtest"
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

func TestTLS(t *testing.T) {
	authority := certtest.NewAuthority(t, t.TempDir())
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
