package monitor

// Options say where the server tells how it is. With neither, it tells nobody.
type Options struct {
	// Port is a TCP port at the clients' address; 0 is none.
	Port uint16 `flag:"metrics-port" short:"m" env:"METRICS_PORT" placeholder:"PORT" group:"Listening" help:"TCP port for /metrics, /livez and /readyz. Off when not given or 0."`
	// SocketPath is a unix socket, which goes before the port.
	SocketPath string `flag:"metrics-socket-path" env:"METRICS_SOCKET_PATH" placeholder:"FILE" group:"Listening" help:"Unix socket for the same."`
}

// On reports whether it tells anybody.
func (o Options) On() bool { return o.Port != 0 || o.SocketPath != "" }
