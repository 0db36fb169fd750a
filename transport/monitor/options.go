package monitor

import (
	"net"

	"github.com/notifypush/notifypush/actors"
)

// Options say where metrics and health are served. The zero value is nowhere.
type Options struct {
	// Inherited is a socket that listens already, such as one of systemd's; nil for none. It goes before the others.
	Inherited net.Listener
	// Bind is the IP address of the port. The daemon takes that of --bind, if it is one.
	Bind string `flag:"metrics-bind" scope:"process" env:"METRICS_BIND" default:"127.0.0.1" grammar:"address" placeholder:"ADDRESS" group:"Listening" help:"Address of the metrics port, instead of that of --bind if it is one, and else of loopback, which is reached from this machine alone. :: is every address, for a Prometheus elsewhere."`
	// Port is a TCP port; 0 is none.
	Port uint16 `flag:"metrics-port" scope:"process" short:"m" env:"METRICS_PORT" placeholder:"PORT" group:"Listening" help:"TCP port for the status page, /metrics, /livez and /readyz. Off when not given or 0."`
	// SocketPath is a unix socket, which goes before the port.
	SocketPath string `flag:"metrics-socket-path" scope:"process" env:"METRICS_SOCKET_PATH" placeholder:"FILE" group:"Listening" help:"Unix socket for the same."`
	// Hosts are names with a dot by which the port may be called.
	Hosts Hosts `flag:"metrics-hosts" scope:"process" env:"METRICS_HOSTS" placeholder:"NAME,..." group:"Listening" help:"Names with a dot by which the metrics port may be called, such as push.example.com or *.svc.cluster.local, beside this machine's own. IP addresses and names without a dot pass; others may be those of a web page (DNS rebinding)."`
	// Token is what metrics and the status page ask for; empty asks for nothing.
	Token actors.Secret `flag:"metrics-token" scope:"process" reload:"true" env:"METRICS_TOKEN" placeholder:"TOKEN" group:"Listening" help:"What /metrics, /readyz and the status page ask for, 16 characters at least, as Authorization: Bearer TOKEN. The admin token is as good. METRICS_TOKEN_FILE names a file that holds it."`
	// AdminToken is the token that actions of the status page need; empty turns actions off.
	AdminToken actors.Secret `flag:"admin-token" scope:"process" reload:"true" env:"ADMIN_TOKEN" placeholder:"TOKEN" group:"Listening" help:"What the actions of the status page ask for, 16 characters at least. Without it they are off. ADMIN_TOKEN_FILE names a file that holds it."`
}

// On reports whether they are served at all.
func (o Options) On() bool { return o.Inherited != nil || o.Port != 0 || o.SocketPath != "" }
