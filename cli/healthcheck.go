package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/transport/monitor"
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
	address, token, err := c.monitor(p.ctx)
	if err != nil {
		return err
	}
	page := "/livez"
	if c.Ready {
		page = "/readyz"
	}
	ctx, cancel := context.WithTimeout(p.ctx, healthTimeout)
	defer cancel()
	status, body, err := get(ctx, false, address, page, monitor.TokenHeader, token.Reveal())
	switch {
	case err != nil:
		return fmt.Errorf("not healthy: ask %s at %s: %w", page, address, err)
	case status != http.StatusOK:
		return fmt.Errorf("not healthy: %s at %s says %s", page, address, onOneLine(body))
	}
	_, err = fmt.Fprintln(p.stdout, onOneLine(body))
	return err
}

// monitor is where the running server with these settings has its operators' listener, and the token that it wants.
func (f settingFlags) monitor(ctx context.Context) (address string, token actors.Secret, err error) {
	result := loadSettings(ctx, "", f)
	for _, setting := range []string{"bind", "metrics_bind", "metrics_port"} {
		if err := result.ErrOf(setting); err != nil {
			return "", "", err
		}
	}
	if address = addressOf(monitorListen(result.Settings)); address == "" {
		return "", "", errors.New("the server answers such questions on its metrics port, which is off; set METRICS_PORT or METRICS_SOCKET_PATH")
	}
	return address, cmp.Or(result.Settings.Monitor.AdminToken, result.Settings.Monitor.Token), nil
}
