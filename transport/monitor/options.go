package monitor

import (
	"net"

	"github.com/notifypush/notifypush/actors"
)

// Options say where metrics and health are served. The zero value is nowhere.
type Options struct {
	// Inherited is a socket that listens already, such as one of systemd's; nil for none. It goes before the others.
	Inherited net.Listener
	// Port is a TCP port at the clients' address; 0 is none.
	Port uint16 `flag:"metrics-port" short:"m" env:"METRICS_PORT" placeholder:"PORT" group:"Listening" help:"TCP port for the status page, /metrics, /livez and /readyz. Off when not given or 0."`
	// SocketPath is a unix socket, which goes before the port.
	SocketPath string `flag:"metrics-socket-path" env:"METRICS_SOCKET_PATH" placeholder:"FILE" group:"Listening" help:"Unix socket for the same."`
	// AdminToken is the token that actions of the status page need; empty turns actions off.
	AdminToken actors.Secret `flag:"admin-token" reload:"true" env:"ADMIN_TOKEN" placeholder:"TOKEN" group:"Listening" help:"What the actions of the status page ask for, 16 characters at least. Without it they are off. ADMIN_TOKEN_FILE names a file that holds it."`
}

// On reports whether they are served at all.
func (o Options) On() bool { return o.Inherited != nil || o.Port != 0 || o.SocketPath != "" }
