package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"github.com/notifypush/notifypush/cli/instances"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/transport"
)

// enoughFiles is a limit of open files that leaves room for a few thousand clients.
const enoughFiles = 4096

// probeOpenFiles looks at the limit under which check itself runs.
func probeOpenFiles(_ context.Context, result *config.Result, report func(finding)) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		report(finding{"open files", yellow, "the limit cannot be read: " + err.Error(), ""})
		return
	}
	report(judgeOpenFiles(uint64(limit.Cur), maxConnections(result.Settings.Websocket.Limits.Connections))) //nolint:unconvert // it is signed on FreeBSD
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

// probeListeners opens what the server would listen at, with the files that it takes, and closes it again at once.
func probeListeners(ctx context.Context, result *config.Result, report func(finding)) {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	report(probeListener(ctx, "port", result.Settings.Listen))
	if result.Settings.Monitor.On() {
		report(probeListener(ctx, "metrics port", monitorListen(result.Settings)))
	}
}

func probeListener(ctx context.Context, name string, options transport.ListenOptions) finding {
	address := addressOf(options)
	listener, err := transport.Listen(ctx, options)
	switch {
	case err == nil && address == "":
		_ = listener.Close()
		return finding{name, green, "the system will choose one", ""}
	case err == nil:
		_ = listener.Close()
		return finding{name, green, address + " is free", ""}
	case errors.Is(err, transport.ErrTaken):
		return judgeServed(ctx, name, options.TLSCert != "", address)
	default:
		return finding{name, red, err.Error(), adviceListen[name]}
	}
}

// adviceListen names the settings that decide where the server listens.
var adviceListen = map[string]string{
	"port":         "Where clients are served, --port, --bind, --socket-path, --tls-cert and --tls-key say.",
	"metrics port": "Where metrics are served, --metrics-port, --metrics-bind and --metrics-socket-path say.",
}

// demoVersion is demo.Version, which a server without the demo does not link.
const demoVersion = "demo"

// judgeServed asks who serves already where this server is to.
func judgeServed(ctx context.Context, name string, encrypted bool, address string) finding {
	page, elsewhere := "/test/cookie", "End it before this one takes its place, or let clients be served elsewhere with --port or --socket-path, and tell the reverse proxy."
	isOurs := speaksAsPushServer
	if name != "port" {
		page, elsewhere = "/livez", "End it, or choose another port with --metrics-port."
		isOurs = func(status int, said string) bool { return status == http.StatusOK && said == "ok" }
	}
	status, said, err := get(ctx, encrypted, address, page)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return finding{name, red, address + " refuses connections, and its port is taken at another address of this machine", "If this server has it, give check the variables of its unit (BIND, METRICS_BIND). If not: " + elsewhere}
	}
	if err == nil && status == http.StatusMisdirectedRequest && strings.Contains(said, instances.NotHere) {
		return finding{name, green, "notify_push, with several instances, already serves at " + address, ""}
	}
	if err != nil || !isOurs(status, said) {
		return finding{name, red, address + " is taken by something else than a push server", elsewhere}
	}
	status, version, err := get(ctx, encrypted, address, "/version")
	switch {
	case err == nil && status == http.StatusOK && version == demoVersion:
		return finding{name, yellow, "the demo serves at " + address, elsewhere}
	case err == nil && status == http.StatusOK && version != "":
		return finding{name, green, fmt.Sprintf("notify_push %s already serves at %s", version, address), ""}
	}
	return finding{name, yellow, "another push server than this, probably the app's own daemon, serves at " + address, elsewhere}
}

// speaksAsPushServer knows this server by the number that it says at /test/cookie, and the app's own by how it asks for a token there.
func speaksAsPushServer(status int, said string) bool {
	if status == http.StatusBadRequest {
		return strings.Contains(said, "token")
	}
	_, err := strconv.ParseUint(said, 10, 32)
	return status == http.StatusOK && err == nil
}
