package cli

import (
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHealthcheck(t *testing.T) {
	well := true
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !well {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte(`{"ready":false}`))
	})
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	socket := filepath.Join(t.TempDir(), "m")
	unix, err := net.Listen("unix", socket)
	require.NoError(t, err)
	server := &http.Server{Handler: mux}
	go server.Serve(tcp)
	go server.Serve(unix)
	t.Cleanup(func() { server.Close() })
	port := strconv.Itoa(tcp.Addr().(*net.TCPAddr).Port)

	check := func(arguments ...string) (status int, out, errors string) {
		var stdout, stderr strings.Builder
		status = Main(append([]string{"healthcheck"}, arguments...), nil, &stdout, &stderr)
		return status, stdout.String(), stderr.String()
	}
	status, out, _ := check("--metrics-port", port)
	require.Zero(t, status)
	require.Equal(t, "ok\n", out)
	status, _, _ = check("--metrics-socket-path", socket, "--ready")
	require.Zero(t, status)
	well = false
	status, _, errors := check("--metrics-socket-path", socket, "--ready")
	require.Equal(t, 1, status)
	require.Contains(t, errors, `{"ready":false}`)
	status, _, errors = check()
	require.Equal(t, 1, status)
	require.Contains(t, errors, "METRICS_PORT")
	require.NoError(t, server.Close())
	status, _, errors = check("--metrics-port", port)
	require.Equal(t, 1, status)
	require.Contains(t, errors, "connection refused")
}
