package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage/storagetest"
	"github.com/notifypush/notifypush/transport/monitor"
)

// TestHostingBeginsAndEnds has a process serve instances of which nothing that they depend on is there, lose one, and end: nothing is left of any.
func TestHostingBeginsAndEnds(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Chmod(folder, 0o700))
	for _, name := range []string{"alice", "bob"} {
		text := fmt.Sprintf("REDIS_URL=redis://127.0.0.1:1\nDATABASE_URL=sqlite:%s/%s.db\nNEXTCLOUD_URL=http://127.0.0.1:1/%s/\nINSTANCE_HOSTS=%s.example\n", folder, name, name, name)
		require.NoError(t, os.WriteFile(filepath.Join(folder, name+".env"), []byte(text), 0o600))
	}
	metricsPort := storagetest.FreePort(t)
	load := func(ctx context.Context) *config.Result {
		given := config.Given{"instances": {folder}, "bind": {"127.0.0.1"}, "port": {"0"}, "metrics-port": {fmt.Sprint(metricsPort)}}
		return config.Load(ctx, "", given, func(string) (string, bool) { return "", false })
	}
	result := load(t.Context())
	require.NoError(t, result.Err())
	d := newDaemon(result.Settings, newLogging(t.Output(), result.Settings.Log))
	d.hangUps = make(chan os.Signal, 1)
	h := d.serveFolder(result, load, t.Output())
	require.NotEmpty(t, h.problems(), "it has not begun")
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()

	served := func() (names []string) {
		response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(fmt.Sprintf("http://127.0.0.1:%d/api/status", metricsPort))
		if err != nil {
			return nil
		}
		defer response.Body.Close()
		var reply monitor.InstancesReply
		if json.NewDecoder(response.Body).Decode(&reply) != nil || reply.Ready { // none of them is
			return nil
		}
		for _, i := range reply.Instances {
			if i.Served && i.Problems["redis"] != "" {
				names = append(names, i.Name)
			}
		}
		return names
	}
	eventually := func(want ...string) {
		t.Helper()
		require.Eventually(t, func() bool { return fmt.Sprint(served()) == fmt.Sprint(want) }, patience, 5*time.Millisecond)
	}
	eventually("alice", "bob")
	require.NoError(t, h.probe(t.Context()))
	require.NotNil(t, h.route("alice.example", "/ws"))
	require.Nil(t, h.route("alice.example", "/bob/ws"))
	require.NotEqual(t, h.route("x", "/alice/ws"), h.route("bob.example", "/ws"))

	require.NoError(t, os.Remove(filepath.Join(folder, "bob.env")))
	d.hangUps <- syscall.SIGHUP
	eventually("alice")
	require.Eventually(t, func() bool { return h.route("bob.example", "/ws") == nil }, patience, 5*time.Millisecond)
	end()
	require.NoError(t, <-ended)
	require.Zero(t, h.shared.capacity.Used())
}

// TestLogOfAnUnreadableInstance has an instance whose file cannot be read log in the process's format.
func TestLogOfAnUnreadableInstance(t *testing.T) {
	folder := t.TempDir()
	require.NoError(t, os.Chmod(folder, 0o700))
	file := filepath.Join(folder, "alice.env")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, os.Chmod(file, 0o666)) // anybody may write it
	load := func(ctx context.Context) *config.Result {
		given := config.Given{"instances": {folder}, "bind": {"127.0.0.1"}, "port": {"0"}, "log-format": {"json"}}
		return config.Load(ctx, "", given, func(string) (string, bool) { return "", false })
	}
	result := load(t.Context())
	require.NoError(t, result.Err())
	read, lines := io.Pipe()
	d := newDaemon(result.Settings, newLogging(lines, result.Settings.Log))
	d.serveFolder(result, load, lines)
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- d.run(ctx)
		lines.Close()
	}()
	shown := false
	for scanner := bufio.NewScanner(read); scanner.Scan(); {
		var line struct{ Msg, Instance string }
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &line), scanner.Text())
		if line.Msg == "the instance cannot be served" {
			shown = line.Instance == "alice"
			end()
		}
	}
	end()
	require.NoError(t, <-ended)
	require.True(t, shown)
}
