package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/demo"
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
		report(judgeOpenFiles(uint64(limit.Cur), maxConnections(settings.Websocket.Limits.Connections))) //nolint:unconvert // it is signed on FreeBSD
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
		report(judgePort(ctx, settings.Listen.TLSCert != "", address))
	}
}

func judgePort(ctx context.Context, encrypted bool, address string) finding {
	const name = "port"
	status, cookie, err := get(ctx, encrypted, address, "/test/cookie")
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return finding{name, green, address + " is free", ""}
	case err != nil || !speaksAsPushServer(status, cookie):
		return finding{name, red, address + " is taken by something else than a push server",
			"End that, or let clients be served elsewhere with --port or --socket-path, and tell the reverse proxy."}
	}
	const freeIt = "End it before this one takes its place, or let clients be served elsewhere with --port or --socket-path, and tell the reverse proxy."
	status, version, err := get(ctx, encrypted, address, "/version")
	switch {
	case err == nil && status == http.StatusOK && version == demo.Version:
		return finding{name, yellow, "the demo serves at " + address, freeIt}
	case err == nil && status == http.StatusOK && version != "":
		return finding{name, green, fmt.Sprintf("notify_push %s already serves at %s", version, address), ""}
	}
	return finding{name, yellow, "another push server than this, probably the app's own daemon, serves at " + address, freeIt}
}

// speaksAsPushServer knows this server by the number that it says at /test/cookie, and the app's own by how it asks for a token there.
func speaksAsPushServer(status int, said string) bool {
	if status == http.StatusBadRequest {
		return strings.Contains(said, "token")
	}
	_, err := strconv.ParseUint(said, 10, 32)
	return status == http.StatusOK && err == nil
}

// clientAddress is where clients are served: host:port, the path of a unix socket, or nothing when the system is to choose.
func clientAddress(settings config.Settings) string {
	switch {
	case settings.Listen.SocketPath != "":
		return settings.Listen.SocketPath
	case settings.Listen.Port == 0:
		return ""
	default:
		return localAddress(settings.Listen.Bind, settings.Listen.Port)
	}
}
