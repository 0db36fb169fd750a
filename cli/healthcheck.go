package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/notifypush/notifypush/config"
)

// healthTimeout is how long a healthy server may take.
const healthTimeout = 6 * time.Second

// healthcheckCommand asks a running server for its health: for containers.
type healthcheckCommand struct {
	settingFlags

	Ready bool `help:"Ask whether the server does its job now, and not only whether it makes progress."`
}

// Help is printed below the flags.
func (*healthcheckCommand) Help() string {
	return `Asks /livez, or /readyz with --ready, where the server with the same flags and variables has them.

Exit status: 0 when the server is healthy, 1 when it is not, does not answer, or has no metrics port, 2 for a command line that cannot be read.`
}

func (c *healthcheckCommand) Run(p *process) error {
	result := config.Load(p.ctx, "", c.given(), os.LookupEnv)
	for _, setting := range []string{"bind", "metrics_port"} {
		if err := result.ErrOf(setting); err != nil {
			return err
		}
	}
	address := monitorAddress(result.Settings)
	if address == "" {
		return errors.New("the server answers health checks on its metrics port, which is off; set METRICS_PORT or METRICS_SOCKET_PATH")
	}
	page := "/livez"
	if c.Ready {
		page = "/readyz"
	}
	ctx, cancel := context.WithTimeout(p.ctx, healthTimeout)
	defer cancel()
	status, body, err := get(ctx, false, address, page)
	switch {
	case err != nil:
		return fmt.Errorf("not healthy: ask %s at %s: %w", page, address, err)
	case status != http.StatusOK:
		return fmt.Errorf("not healthy: %s at %s says %s", page, address, body)
	}
	_, err = fmt.Fprintln(p.stdout, body)
	return err
}

// monitorAddress is where the server answers health checks: host:port, the path of a unix socket, or nothing.
func monitorAddress(settings config.Settings) string {
	return addressOf(monitorListen(settings))
}

// localAddress is by which this machine reaches what is bound to an address.
func localAddress(bind string, port uint16) string {
	if ip := net.ParseIP(bind); ip == nil || ip.IsUnspecified() {
		bind = "localhost"
	}
	return net.JoinHostPort(bind, strconv.Itoa(int(port)))
}
