package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

// ListenOptions say where to listen: on a TCP port or, when SocketPath is set, on a unix socket.
type ListenOptions struct {
	// Bind is an IP address. Empty or "::" is every address of the machine, IPv4 and IPv6, or only
	// IPv4 where there is no IPv6.
	Bind string `flag:"bind" env:"BIND" default:"::" grammar:"address" placeholder:"ADDRESS" group:"Listening" help:"Address to listen on, for metrics too. The default means every IPv6 and IPv4 address, or 0.0.0.0 on a machine without IPv6."`
	// Port is the TCP port; 0 lets the system choose one.
	Port uint16 `flag:"port" short:"p" env:"PORT" default:"7867" placeholder:"PORT" group:"Listening" help:"TCP port to serve clients on."`
	// SocketPath is the file of the unix socket. It is removed when the listener is closed. One
	// that nobody serves any more is replaced.
	SocketPath string `flag:"socket-path" env:"SOCKET_PATH" placeholder:"FILE" group:"Listening" help:"Listen on this unix socket instead of the port. A stale one is replaced."`
	// SocketPermissions are those of the unix socket, 0660 when zero.
	SocketPermissions fs.FileMode `flag:"socket-permissions" env:"SOCKET_PERMISSIONS" default:"0660" placeholder:"OCTAL" group:"Listening" help:"Permissions of the unix sockets: 660, 0660 or 0o660."`
	// TLSCert and TLSKey are PEM files; both or none. They are read again when they change.
	TLSCert string `flag:"tls-cert" env:"TLS_CERT" placeholder:"FILE" group:"Listening" help:"PEM file of the certificate to serve TLS with."`
	TLSKey  string `flag:"tls-key" env:"TLS_KEY" placeholder:"FILE" group:"Listening" help:"PEM file of its key."`
}

// Listen begins to listen.
func Listen(ctx context.Context, options ListenOptions) (net.Listener, error) {
	encryption, err := serverTLS(options.TLSCert, options.TLSKey)
	if err != nil {
		return nil, err
	}
	var listener net.Listener
	if options.SocketPath != "" {
		listener, err = listenUnix(ctx, options)
	} else {
		listener, err = listenTCP(ctx, options)
	}
	if err != nil {
		return nil, err
	}
	if encryption != nil {
		listener = tls.NewListener(listener, encryption)
	}
	return listener, nil
}

// silenceLimit is how long what was sent over TCP may stay unacknowledged before the connection is
// given up. The heartbeat of websockets does not notice that a client is gone to whom pushes are sent
// all the time.
const silenceLimit = time.Minute

func listenTCP(ctx context.Context, options ListenOptions) (net.Listener, error) {
	bind := options.Bind
	if bind == "" {
		bind = "::"
	}
	listener, err := listenAt(ctx, bind, options.Port)
	if bind == "::" && lacksIPv6(err) {
		listener, err = listenAt(ctx, "0.0.0.0", options.Port)
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w: another process has this port, perhaps another push server; end it or choose another port", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%w: %s is no address of this machine", err, bind)
	case err != nil:
		return nil, err
	}
	return listener, nil
}

func listenAt(ctx context.Context, bind string, port uint16) (net.Listener, error) {
	network := "tcp"
	if ip := net.ParseIP(bind); ip != nil && ip.To4() != nil {
		network = "tcp4" // or 0.0.0.0 would be every IPv6 address, too
	}
	// Without keep-alives: the heartbeat and the timeouts of HTTP notice the dead who are sent nothing
	// else, and thousands of idle clients would cost for nothing.
	config := net.ListenConfig{KeepAlive: -1, Control: limitSilence}
	config.SetMultipathTCP(false) // which knows no such limit
	return config.Listen(ctx, network, net.JoinHostPort(bind, strconv.Itoa(int(port))))
}

// lacksIPv6 reports whether listening failed because the machine has no IPv6.
func lacksIPv6(err error) bool {
	return errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

func listenUnix(ctx context.Context, options ListenOptions) (net.Listener, error) {
	path, permissions := options.SocketPath, options.SocketPermissions
	if permissions == 0 {
		permissions = 0o660
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, fmt.Errorf("listen on unix socket %s: %w", path, err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if errors.Is(err, syscall.EINVAL) {
		return nil, fmt.Errorf("%w: the path has %d bytes, more than a unix socket's may have; choose a shorter one", err, len(path))
	}
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, permissions); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("set permissions %04o of the unix socket: %w", permissions, err)
	}
	return listener, nil
}

// removeStale removes a unix socket that a process left behind. It does not touch one that is
// still served, nor anything that is no socket.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("the file exists and is no socket; remove it or choose another path")
	}
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close()
		return errors.New("another process serves this socket; end it or choose another path")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("find out whether the socket is still served: %w", err)
	}
	return os.Remove(path)
}
