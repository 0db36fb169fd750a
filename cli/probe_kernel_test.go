package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJudgeKernel(t *testing.T) {
	usual := kernelSettings{backlog: 4096, ports: 28232, tracked: 262144, openable: 1048576}
	for name, c := range map[string]struct {
		change      func(*kernelSettings)
		connections int
		status      status
		advice      string
	}{
		"usual":                    {nil, 0, green, ""},
		"usual, with a limit":      {nil, 20_000, green, ""},
		"nothing known":            {func(k *kernelSettings) { *k = kernelSettings{ports: 1} }, 0, green, ""},
		"short backlog":            {func(k *kernelSettings) { k.backlog = 128 }, 0, yellow, "net.core.somaxconn = 4096"},
		"more than ports":          {nil, 50_000, yellow, "ip_local_port_range = 1024 65535"},
		"more than are tracked":    {func(k *kernelSettings) { k.tracked = 65536 }, 50_000, yellow, "nf_conntrack_max = 100000"},
		"more than may be open":    {func(k *kernelSettings) { k.tracked = 0 }, 1_000_000, yellow, "fs.nr_open = 2000000"},
		"no tracking at all":       {func(k *kernelSettings) { k.tracked, k.ports = 0, 64512 }, 60_000, green, ""},
		"ports are not known here": {func(k *kernelSettings) { k.ports = 0 }, 100_000, green, ""},
	} {
		kernel := usual
		if c.change != nil {
			c.change(&kernel)
		}
		f := judgeKernel(kernel, c.connections)
		require.Equal(t, c.status, f.Status, "%s: %+v", name, f)
		require.Contains(t, f.Advice, c.advice, name)
		require.Equal(t, c.status == green, f.Advice == "", name)
	}
}

func TestReadKernelSettings(t *testing.T) {
	folder := t.TempDir()
	require.Zero(t, readKernelSettings(folder), "on another system")
	for path, text := range map[string]string{"net/core/somaxconn": "4096\n", "net/ipv4/ip_local_port_range": "32768\t60999\n", "fs/nr_open": "1048576\n"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, path)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, path), []byte(text), 0o600))
	}
	require.Equal(t, kernelSettings{backlog: 4096, ports: 28232, openable: 1048576}, readKernelSettings(folder), "where connections are not tracked")
}
