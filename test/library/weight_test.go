package library

import (
	"os"
	"os/exec"
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

// modules returns the modules that a package links on Linux, in order.
func modules(t *testing.T, name string) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "../../"+name)
	list.Env = append(os.Environ(), "GOOS=linux", "GOFLAGS=")
	out, err := list.Output()
	require.NoError(t, err)
	all := strings.Fields(string(out))
	slices.Sort(all)
	return slices.Compact(all)
}
