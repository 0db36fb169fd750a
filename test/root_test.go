package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestServedByRoot has root serve with a config.php of another user, for a key of which PHP is asked, and runs a command: at the start, at SIGHUP,
// and when Redis refuses the login.
func TestServedByRoot(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	if os.Geteuid() != 0 {
		t.Skip("this does not run as root")
	}
	if _, err := exec.LookPath("php"); err != nil && os.Getenv("REQUIRE_SERVICES") == "" {
		t.Skip("there is no php")
	}
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	config := s.writeConfig("")
	witness := filepath.Join(filepath.Dir(config), "witness")
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	port := fmt.Appendf(nil, "'port' => %d", s.redis.Port)
	require.Contains(t, string(text), string(port))
	text = bytes.ReplaceAll(text, port, fmt.Appendf(port, ", 'dbindex' => (int) shell_exec('id -u >> %s')", witness))
	require.NoError(t, os.WriteFile(config, text, 0o600))
	for _, path := range []string{filepath.Dir(config), config} {
		require.NoError(t, os.Chown(path, 64998, 64998))
	}
	witnesses := func() int {
		said, _ := os.ReadFile(witness)
		require.Empty(t, strings.ReplaceAll(string(said), "64998\n", ""), "nobody else runs it")
		return strings.Count(string(said), "\n")
	}

	p := s.start("PATH="+os.Getenv("PATH"), config)
	p.awaitServing()
	require.Contains(t, p.output.String(), "this runs as root")
	p.requireWorks(p.tcp())
	started := witnesses()
	require.Positive(t, started)
	p.reload(readAgain)
	reloaded := witnesses()
	require.Greater(t, reloaded, started)

	s.redis.Do("", "CONFIG", "SET", "requirepass", "another")
	s.redis.Do("another", "CLIENT", "KILL", "TYPE", "pubsub")
	p.await("it reads the configuration again", func() bool { return witnesses() > reloaded })
}
