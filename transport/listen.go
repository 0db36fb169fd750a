package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/notifypush/notifypush/internal/paths"
)

// ErrTaken means that the port or the socket is in use.
var ErrTaken = errors.New("another process listens there")

// ListenOptions say where to listen: on a TCP port or, when SocketPath is set, on a unix socket. Zero values mean what the fields say; the
// defaults in the tags are the daemon's.
type ListenOptions struct {
	// Inherited is a socket that listens already, such as one of systemd's; nil to open one. With it, Bind, Port and SocketPath do not count.
	Inherited net.Listener
	// Bind is an IP address. Empty or "::" is every address of the machine, IPv4 and IPv6, or only
	// IPv4 where there is no IPv6.
	Bind string `flag:"bind" scope:"process" env:"BIND" default:"::" grammar:"address" placeholder:"ADDRESS" group:"Listening" help:"Address to serve clients on. The default means every IPv6 and IPv4 address, or 0.0.0.0 on a machine without IPv6."`
	// Port is the TCP port; 0 lets the system choose one.
	Port uint16 `flag:"port" scope:"process" short:"p" env:"PORT" default:"7867" placeholder:"PORT" group:"Listening" help:"TCP port to serve clients on."`
	// SocketPath is the file of the unix socket. It is removed when the listener is closed. One
	// that nobody serves any more is replaced.
	SocketPath string `flag:"socket-path" scope:"process" env:"SOCKET_PATH" placeholder:"FILE" group:"Listening" help:"Listen on this unix socket instead of the port. A stale one is replaced."`
	// SocketPermissions are those of the unix socket, 0660 when zero.
	SocketPermissions fs.FileMode `flag:"socket-permissions" scope:"process" env:"SOCKET_PERMISSIONS" default:"0660" placeholder:"OCTAL" group:"Listening" help:"Permissions of the unix sockets: 660, 0660 or 0o660."`
	// TLSCert and TLSKey are PEM files; both or none. They are read again when they change.
	TLSCert string `flag:"tls-cert" scope:"process" env:"TLS_CERT" placeholder:"FILE" group:"Listening" help:"PEM file of the certificate to serve TLS with."`
	TLSKey  string `flag:"tls-key" scope:"process" env:"TLS_KEY" placeholder:"FILE" group:"Listening" help:"PEM file of its key."`
}

// Listen begins to listen.
func Listen(ctx context.Context, options ListenOptions) (net.Listener, error) {
	encryption, err := serverTLS(options.TLSCert, options.TLSKey)
	if err != nil {
		return nil, err
	}
	listener := options.Inherited
	switch {
	case listener != nil:
		err = limitInherited(listener)
	case options.SocketPath != "":
		listener, err = listenUnix(ctx, options)
	default:
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
		return nil, fmt.Errorf("%w: %w, perhaps another push server; end it or choose another port", err, ErrTaken)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%w: %s is no address of this machine", err, bind)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: user %s may not have a port below 1024; choose another port, or write AmbientCapabilities=CAP_NET_BIND_SERVICE into the unit",
			err, paths.ProcessUser())
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

// limitInherited gives a socket that another process opened the limit of those that are opened here.
func limitInherited(listener net.Listener) error {
	socket, isTCP := listener.(*net.TCPListener)
	if !isTCP {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	return limitSilence("tcp", "", raw)
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
		return nil, fmt.Errorf("%w: %s", err, folderAdvice(path, err))
	}
	if err := os.Chmod(path, permissions); err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("set permissions %04o of the unix socket: %w", permissions, err)
	}
	return listener, nil
}

// folderAdvice says what keeps a socket from being made in its folder, and the way out.
func folderAdvice(path string, err error) string {
	const wayOut = "make a folder for it, as RuntimeDirectory=notify_push in the unit makes /run/notify_push, and name a path there"
	folder := filepath.Dir(path)
	fault := paths.FolderFault(path)
	switch {
	case fault != "":
	case errors.Is(err, syscall.EROFS):
		fault = "the folder " + folder + " is read-only, for this service at least (ProtectSystem)"
	default:
		fault = fmt.Sprintf("user %s may not write to the folder %s", paths.ProcessUser(), folder)
	}
	return fault + "; " + wayOut
}

// removeStale removes a unix socket that a process left behind, which anybody may who may write to the folder. It does not touch one that
// is still served, nor anything that is no socket.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %s", err, folderAdvice(path, err))
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("the file exists and is no socket; remove it or choose another path")
	}
	served, err := isServed(ctx, path)
	if err != nil {
		return fmt.Errorf("find out whether the socket is still served: %w", err)
	}
	if served {
		return fmt.Errorf("%w; end it or choose another path", ErrTaken)
	}
	if err := os.Remove(path); err != nil {
		owner, _, _ := paths.Owner(info)
		return fmt.Errorf("user %s left this socket behind, and user %s may not remove it: %w; remove it, or choose a path in a folder that only this server uses",
			owner, paths.ProcessUser(), err)
	}
	return nil
}

// listensAt returns the path that a line of /proc/net/unix says somebody listens at, and "" for all other lines. It is such as
//
//	000000002f1a9e14: 00000002 00000000 00010000 0001 01 81537 /run/notify_push/notify_push.sock
func listensAt(line string) string {
	const flags, listening = 3, "00010000"
	line = strings.TrimSuffix(line, "\n")
	for i := range 7 {
		var field string
		if field, line, _ = strings.Cut(strings.TrimLeft(line, " "), " "); i == flags && field != listening {
			return ""
		}
	}
	if strings.HasPrefix(line, "@") { // of the abstract kind, which is no file
		return ""
	}
	return line
}

// isServed reports whether a process listens at a unix socket. One that this process may not connect to is looked up in the kernel's list.
func isServed(ctx context.Context, path string) (bool, error) {
	dialer := net.Dialer{Timeout: time.Second}
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = conn.Close()
		return true, nil
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, syscall.EAGAIN): // its queue is full
		return true, nil
	case !errors.Is(err, fs.ErrPermission):
		return false, err
	}
	bound, listErr := os.ReadFile("/proc/net/unix")
	if listErr != nil {
		return false, err
	}
	for line := range strings.Lines(string(bound)) {
		if name := listensAt(line); name != "" && filepath.Base(name) == filepath.Base(path) { // either may be relative
			return true, nil
		}
	}
	return false, nil
}
