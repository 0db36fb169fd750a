package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/notifypush/notifypush/config"
)

// healthTimeout is how long a healthy server may take.
const healthTimeout = 6 * time.Second

// healthcheckCommand asks a running server, with the same settings, whether it is well: for containers.
type healthcheckCommand struct {
	config.Flags

	Ready bool `help:"Ask whether the server does its job now, and not only whether it makes progress."`
}

func (c *healthcheckCommand) Run(p *process) error {
	settings := config.Load(p.ctx, c.Flags, os.LookupEnv).Settings
	ctx, cancel := context.WithTimeout(p.ctx, healthTimeout)
	defer cancel()
	page, address := healthPage(settings, c.Ready)
	if page == "" {
		return errors.New("the server's health is told on its metrics port, which is off; set METRICS_PORT or METRICS_SOCKET_PATH")
	}
	body, err := get(ctx, page, address)
	if err != nil {
		return fmt.Errorf("not healthy: %w", err)
	}
	_, err = fmt.Fprintln(p.stdout, body)
	return err
}

// healthPage returns the path of the page that tells, and where it is: a TCP address or the path of a unix socket.
func healthPage(settings config.Settings, ready bool) (page, address string) {
	page = "/livez"
	if ready {
		page = "/readyz"
	}
	switch {
	case settings.MetricsSocketPath != "":
		return page, settings.MetricsSocketPath
	case settings.MetricsPort != 0:
		host := settings.Bind
		if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
			host = "localhost"
		}
		return page, net.JoinHostPort(host, strconv.Itoa(int(settings.MetricsPort)))
	default:
		return "", ""
	}
}

// get returns what a page says, and an error where its status is not 200.
func get(ctx context.Context, page, address string) (string, error) {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://notify_push"+page, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("ask %s at %s: %w", page, address, errors.Unwrap(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s at %s says %s", page, address, strings.TrimSpace(string(body)))
	}
	return strings.TrimSpace(string(body)), err
}
