package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// hostedInstances is how many instances BenchmarkHosting starts.
const hostedInstances = 500

// BenchmarkHosting starts the binary with one instance and with many, each with a config.php and channels of its own at one Redis, and with its own
// connections to one SQLite file. It reports how long it takes until all hear their Redis, and what a further one takes of resident memory when the connections that
// were used at the start are closed again.
func BenchmarkHosting(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("resident memory is read from /proc")
	}
	for b.Loop() {
		_, one := measureHosting(b, 1)
		took, many := measureHosting(b, hostedInstances)
		b.ReportMetric(took.Seconds(), "s-to-start")
		b.ReportMetric(float64(many-one)/(hostedInstances-1), "KiB/instance")
		b.ReportMetric(float64(one), "KiB-with-one")
	}
	b.ReportMetric(0, "ns/op") // means nothing here, so it isn't shown
}

// hostingSettled is when connections are closed that were used at the start, and the memory of that is given back.
const hostingSettled = 180 * time.Second

func measureHosting(b *testing.B, count int) (took time.Duration, resident int) {
	redis := storagetest.Redis(b)
	database, db := storagetest.SQLite(b, "owncloud.db")
	storagetest.NewNextcloud(b, db, "oc_")
	folder := storagetest.Dir(b)
	sites := storagetest.Dir(b)
	for i := range count {
		name := fmt.Sprint("i", i)
		config := filepath.Join(sites, name, "config", "config.php")
		require.NoError(b, os.MkdirAll(filepath.Dir(config), 0o755))
		require.NoError(b, os.WriteFile(config, fmt.Appendf(nil, `<?php
$CONFIG = array (
  'instanceid' => '%[1]s', 'secret' => 'secret of %[1]s',
  'overwrite.cli.url' => 'http://127.0.0.1:9/%[1]s', 'trusted_domains' => array ('%[1]s.example'),
  'dbtype' => 'sqlite3', 'datadirectory' => '%[2]s', 'dbtableprefix' => 'oc_',
  'redis' => array ('host' => '127.0.0.1', 'port' => %[3]d),
);
`, name, filepath.Dir(strings.TrimPrefix(database, "sqlite:")), redis.Port), 0o600))
		require.NoError(b, os.Symlink(config, filepath.Join(folder, name+".php")))
		variables := fmt.Sprintf("REDIS_CHANNEL_PREFIX=i%d_\nINSTANCE_HOSTS=%s.example\n", i, name)
		require.NoError(b, os.WriteFile(filepath.Join(folder, name+".env"), []byte(variables), 0o600))
	}
	path, err := builtBinary()
	require.NoError(b, err)
	metrics := storagetest.FreePort(b)
	cmd := exec.Command(path, "serve", "--instances", folder)
	cmd.Dir, cmd.Stderr = folder, os.Stderr
	cmd.Env = []string{"BIND=127.0.0.1", fmt.Sprint("PORT=", storagetest.FreePort(b)), fmt.Sprint("METRICS_PORT=", metrics), "LOG=error"}
	began := time.Now()
	require.NoError(b, cmd.Start())
	defer func() {
		require.NoError(b, cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(b, cmd.Wait())
	}()
	require.Eventually(b, func() bool { return hearing(metrics) == count }, patience, 50*time.Millisecond)
	took = time.Since(began)
	time.Sleep(hostingSettled)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	resident, err = strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(b, err)
	return took, resident
}

// hearing is how many instances hear their Redis.
func hearing(metrics int) (count int) {
	response, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/api/status", metrics))
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	var reply struct{ Instances []instanceStatus }
	if json.NewDecoder(response.Body).Decode(&reply) != nil {
		return 0
	}
	for _, i := range reply.Instances {
		if i.Served && i.Problems["redis"] == "" {
			count++
		}
	}
	return count
}
