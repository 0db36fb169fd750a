package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"github.com/notifypush/notifypush/config"
)

// enoughFiles is a limit of open files that leaves room for a few thousand clients.
const enoughFiles = 4096

// probeOpenFiles looks at the limit under which check itself runs.
func probeOpenFiles(settings config.Settings) probe {
	return func(_ context.Context, report func(finding)) {
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			report(finding{"open files", yellow, "the limit cannot be read: " + err.Error(), ""})
			return
		}
		report(judgeOpenFiles(uint64(limit.Cur), maxConnections(settings.MaxConnections))) //nolint:unconvert // it is signed on FreeBSD
	}
}

func judgeOpenFiles(limit uint64, connections int) finding {
	f := finding{Name: "open files", Status: green, Detail: fmt.Sprintf("up to %d, here", limit)}
	if connections > 0 {
		f.Detail += fmt.Sprintf("; connections up to %d", connections)
	}
	if limit < enoughFiles {
		f.Status, f.Advice = yellow, "Each client takes one: write LimitNOFILE=131072 into the unit of systemd, or call ulimit -n before the start."
	}
	return f
}

// probePort looks who is where clients will be served. It only asks: a socket that is merely tried might be missed by somebody.
func probePort(settings config.Settings) probe {
	return func(ctx context.Context, report func(finding)) {
		address := clientAddress(settings)
		if address == "" {
			report(finding{"port", green, "the system will choose one", ""})
			return
		}
		ctx, cancel := context.WithTimeout(ctx, stepTimeout)
		defer cancel()
		report(judgePort(ctx, settings.TLSCert != "", address))
	}
}

func judgePort(ctx context.Context, encrypted bool, address string) finding {
	const name = "port"
	said, err := askPort(ctx, encrypted, address)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return finding{name, green, address + " is free", ""}
	case err == nil && said.isPushServer():
		return finding{name, green, "a push server already serves at " + address, ""}
	default:
		return finding{name, red, address + " is taken by something else than a push server",
			"End that, or let clients be served elsewhere with --port or --socket-path, and tell the reverse proxy."}
	}
}

// clientAddress is where clients are served: host:port, the path of a unix socket, or nothing when the system is to choose.
func clientAddress(settings config.Settings) string {
	switch {
	case settings.SocketPath != "":
		return settings.SocketPath
	case settings.Port == 0:
		return ""
	}
	host := settings.Bind
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, strconv.Itoa(int(settings.Port)))
}

// portAnswer is what somebody said to GET /test/cookie.
type portAnswer struct {
	status int
	body   string
}

// isPushServer knows this server by its number, and the app's own by how it asks for a token.
func (said portAnswer) isPushServer() bool {
	if said.status == http.StatusBadRequest {
		return strings.Contains(said.body, "token")
	}
	_, err := strconv.ParseUint(said.body, 10, 32)
	return said.status == http.StatusOK && err == nil
}

func askPort(ctx context.Context, encrypted bool, address string) (portAnswer, error) {
	network, scheme := "tcp", "http"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	if encrypted {
		scheme = "https"
	}
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // It is our own, and told nothing.
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://notify_push/test/cookie", nil)
	if err != nil {
		return portAnswer{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return portAnswer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	return portAnswer{response.StatusCode, strings.TrimSpace(string(body))}, err
}
