package test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// installation is a Nextcloud with alice, who sees files/ of storage 7, and the daemon for it, run by its command.
type installation struct {
	t                *testing.T
	nextcloud, redis string // addresses
}

func install(t *testing.T) installation {
	t.Setenv("DEBOUNCE_DISABLE", "1")
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	port := strconv.Itoa(storagetest.FreePort(t))
	s.open(nextcloud.Options{PushURL: "http://127.0.0.1:" + port + "/push"})

	ctx, stop := context.WithCancel(context.Background())
	served := make(chan outcome, 1)
	go func() {
		served <- run(t, ctx, "serve", "--bind=127.0.0.1", "--port="+port, "--drain-timeout=0",
			"--nextcloud-url="+s.url, "--redis-url="+s.redis.URL(), "--database-url="+s.database)
	}()
	t.Cleanup(func() {
		stop()
		require.Equal(t, 0, (<-served).status)
	})
	i := installation{t: t, nextcloud: s.url, redis: s.redis.URL()}
	require.Eventually(t, func() bool {
		return strings.Contains(i.send("test-cookie", "1").stdout, "push servers that heard it: 1.")
	}, time.Minute, 10*time.Millisecond)
	return i
}

func (i installation) send(arguments ...string) outcome {
	return run(i.t, context.Background(), append([]string{"send", "--redis-url", i.redis}, arguments...)...)
}

// outcome is what a command printed, and its exit status.
type outcome struct {
	status int
	stdout string
}

// program is notify_push with these arguments; the end of ctx interrupts it.
func program(t *testing.T, ctx context.Context, arguments ...string) *exec.Cmd {
	path, err := builtBinary()
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, path, arguments...)
	cmd.Stderr = t.Output()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	return cmd
}

func run(t *testing.T, ctx context.Context, arguments ...string) outcome {
	cmd := program(t, ctx, arguments...)
	stdout, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Error(err)
		return outcome{status: -1}
	}
	return outcome{cmd.ProcessState.ExitCode(), string(stdout)}
}

// listen starts the test client, returns when it is logged in, and gives its output at the end.
func (i installation) listen(t *testing.T, flags ...string) <-chan []string {
	cmd := program(t, t.Context(), append([]string{"listen", i.nextcloud, "alice", passwordOf("alice")}, flags...)...)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = nil
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Wait() })

	loggedIn := make(chan struct{}, 1)
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "Logged in") {
				select {
				case loggedIn <- struct{}{}:
				default: // it has come back
				}
			}
		}
	}()
	ended := make(chan []string, 1)
	go func() {
		var texts []string
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			_, text, _ := strings.Cut(lines.Text(), "  ")
			texts = append(texts, text)
		}
		ended <- texts
	}()
	<-loggedIn
	return ended
}

func TestWhatSendPublishesListenPrints(t *testing.T) {
	i := install(t)
	heard := i.listen(t, "--file-ids", "--count=7")
	for _, event := range [][]string{
		{"file", "7", "files/a.txt", "42"},
		{"file", "8", "files/of-nobody.txt", "43"},
		{"activity", "alice"},
		{"notification", "alice"},
		{"notification", "bob"},
		{"group", "alice", "staff"},
		{"share", "alice"},
		{"custom", "alice", "chat", `{"b":1.10,"a":"<&>"}`},
		{"custom", "alice", "bye"},
	} {
		require.Equal(t, 0, i.send(event...).status)
	}
	require.ElementsMatch(t, []string{
		"notify_file_id [42]", "notify_activity", "notify_notification", "notify_file", "notify_file",
		`chat {"b":1.10,"a":"<&>"}`, "bye",
	}, <-heard)
}

func TestListenLogsInThroughTokens(t *testing.T) {
	i := install(t)
	heard := i.listen(t, "--pre-auth", "--count=1")
	require.Equal(t, 0, i.send("activity", "alice").status)
	require.Equal(t, []string{"notify_activity"}, <-heard)
}

func TestListenIsRefusedWithAWrongPassword(t *testing.T) {
	i := install(t)
	got := run(t, t.Context(), "listen", i.nextcloud, "alice", "wrong")
	require.Equal(t, 3, got.status)
}

func TestListenSeesAReset(t *testing.T) {
	i := install(t)
	heard := i.listen(t, "--count=1")
	require.Equal(t, 0, i.send("reset").status)
	// It comes back by itself; events are sent until one finds it there.
	require.Eventually(t, func() bool {
		i.send("activity", "alice")
		select {
		case texts := <-heard:
			return len(texts) == 1
		default:
			return false
		}
	}, time.Minute, 10*time.Millisecond)
}
