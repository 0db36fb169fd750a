package library

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a program links that imports actors alone. Prometheus and OpenTelemetry come with protoactor, which
// imports them whether or not its metrics are used; docs/embedding.md says so.
func TestWhatActorsLink(t *testing.T) {
	want, err := os.ReadFile("../../testdata/api/actors_modules.txt")
	require.NoError(t, err)
	require.Equal(t, strings.Fields(string(want)), modules(t, "actors"))
}

// The modules of one port are not linked by what does not use it.
func TestWhatNobodyLinksWithoutUse(t *testing.T) {
	for name, heavy := range map[string][]string{
		"actors":          {"github.com/gomodule/redigo", "github.com/lib/pq", "github.com/go-sql-driver/mysql", "modernc.org/sqlite"},
		"transport":       {"github.com/gomodule/redigo", "github.com/lib/pq", "github.com/go-sql-driver/mysql", "modernc.org/sqlite"},
		"storage":         {"github.com/lib/pq", "github.com/go-sql-driver/mysql", "modernc.org/sqlite"},
		"storage/sqlite":  {"github.com/lib/pq", "github.com/go-sql-driver/mysql"},
		"client":          {"github.com/asynkron/protoactor-go", "github.com/prometheus/client_golang", "go.uber.org/zap"},
		"transport/frame": {"go.uber.org/zap"},
	} {
		linked := modules(t, name)
		for _, module := range heavy {
			require.NotContains(t, linked, module, "%s links it", name)
		}
	}
}

// The server alone, as make build and make release have it, links no demo, load test, stand-in or library of tests.
func TestWhatTheServerLinks(t *testing.T) {
	linked := depend(t, "{{.ImportPath}}", "../..", "server")
	require.Contains(t, linked, ours+"cli")
	require.Contains(t, linked, ours+"storage/postgres")
	for _, forbidden := range []string{
		"github.com/alicebob/miniredis", "github.com/yuin/gopher-lua", "github.com/chromedp/", "github.com/stretchr/testify", "go.uber.org/goleak",
		"github.com/HdrHistogram/", "github.com/schollz/progressbar", "testing", "net/http/httptest",
		ours + "demo", ours + "loadtest", ours + "storage/storagetest", ours + "transport/proxytest", ours + "actors/actorstest", ours + "internal/testkit",
	} {
		for _, path := range linked {
			require.False(t, path == strings.TrimSuffix(forbidden, "/") || strings.HasPrefix(path, strings.TrimSuffix(forbidden, "/")+"/"), "the server links %s", path)
		}
	}
	require.Contains(t, depend(t, "{{.ImportPath}}", "../..", ""), ours+"demo", "go run . demo has it")
}

// The server alone says how to get the commands that it does not have.
func TestServerWithoutDemo(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "notify_push")
	output, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "server", "-o", binary, "../..").CombinedOutput()
	require.NoError(t, err, "%s", output)
	for _, command := range [][]string{{"demo"}, {"demo", "--port=1"}, {"loadtest", "idle", "--json"}} {
		run := exec.CommandContext(t.Context(), binary, command...)
		output, err := run.CombinedOutput()
		require.Equal(t, 2, run.ProcessState.ExitCode(), "%v: %s", err, output)
		require.Contains(t, string(output), "go run . "+command[0])
	}
}

const ours = "github.com/notifypush/notifypush/"

// modules returns the modules that a package links on Linux, in order.
func modules(t *testing.T, name string) []string {
	t.Helper()
	return depend(t, "{{with .Module}}{{.Path}}{{end}}", "../../"+name, "")
}

// depend returns what go list says of all packages that one with these tags links on Linux, in order and once.
func depend(t *testing.T, format, folder, tags string) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", tags, "-f", format, folder)
	list.Env = append(os.Environ(), "GOOS=linux", "GOFLAGS=")
	out, err := list.Output()
	require.NoError(t, err)
	all := strings.Fields(string(out))
	slices.Sort(all)
	return slices.Compact(all)
}
