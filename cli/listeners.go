package cli

import (
	"fmt"
	"net"
	"strconv"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/transport"
)

// metricsSocket is what FileDescriptorName= of a socket unit calls the socket of the metrics.
const metricsSocket = "metrics"

// inheritListeners takes the sockets that systemd opened (socket activation): that of the metrics by its name, and one for clients.
func inheritListeners(s *config.Settings) error {
	inherited, err := activation.ListenersWithNames()
	if err != nil {
		return fmt.Errorf("take the sockets of systemd: %w", err)
	}
	return assignListeners(s, inherited)
}

func assignListeners(s *config.Settings, inherited map[string][]net.Listener) error {
	for name, listeners := range inherited {
		for _, listener := range listeners {
			target := &s.Listen.Inherited
			if name == metricsSocket {
				target = &s.Monitor.Inherited
			}
			if *target != nil {
				return fmt.Errorf("systemd passed %s beside %s: one socket is for clients, and one with FileDescriptorName=%s for metrics",
					listener.Addr(), (*target).Addr(), metricsSocket)
			}
			*target = listener
		}
	}
	return nil
}

// monitorListen is where the metrics are, without TLS.
func monitorListen(s config.Settings) transport.ListenOptions {
	return transport.ListenOptions{
		Inherited: s.Monitor.Inherited,
		Bind:      s.Monitor.Bind, Port: s.Monitor.Port, SocketPath: s.Monitor.SocketPath, SocketPermissions: s.Listen.SocketPermissions,
	}
}

// addressOf is by which this machine reaches what listens so: host:port, the path of a unix socket, or nothing when the system is to choose.
func addressOf(options transport.ListenOptions) string {
	host := options.Bind
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	switch {
	case options.SocketPath != "":
		return options.SocketPath
	case options.Port == 0:
		return ""
	default:
		return net.JoinHostPort(host, strconv.Itoa(int(options.Port)))
	}
}
