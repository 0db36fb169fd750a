//go:build !server

package cli

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pasted is a line as a person pastes it into a terminal.
func pasted(ctx context.Context, line string) *exec.Cmd {
	// exec: the shell makes way for the program, which then gets the signal.
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+line)
	cmd.Env = append(os.Environ(), asProgram)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// begin starts a line and gives what it prints, line by line.
func begin(t *testing.T, cmd *exec.Cmd) *bufio.Scanner {
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return bufio.NewScanner(out)
}

func TestTheCommandsThatTheDemoPrintsWork(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	demoCtx, endDemo := context.WithCancel(ctx)
	demo := pasted(demoCtx, programName()+" demo")
	demo.Stderr = t.Output()
	printed := begin(t, demo)
	var lines []string
	for printed.Scan() && !strings.HasPrefix(printed.Text(), "Ctrl-C") {
		if line, indented := strings.CutPrefix(printed.Text(), "  "); indented && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	require.NoError(t, printed.Err())
	require.Len(t, lines, 3)

	listenCtx, endListen := context.WithCancel(ctx)
	listen := pasted(listenCtx, lines[0])
	said, err := listen.StderrPipe()
	require.NoError(t, err)
	pushes := begin(t, listen)
	for hints := bufio.NewScanner(said); hints.Scan() && !strings.HasPrefix(hints.Text(), "Logged in"); {
		t.Log(hints.Text())
	}

	for _, line := range lines[1:] {
		output, err := pasted(ctx, line).CombinedOutput()
		require.NoError(t, err, "%s: %s", line, output)
	}
	for _, want := range []string{"hello from the terminal", "notify_file"} {
		require.True(t, pushes.Scan(), pushes.Err())
		assert.Contains(t, pushes.Text(), want)
	}

	endListen()
	assert.NoError(t, ended(listen))
	endDemo()
	assert.NoError(t, ended(demo))
}

func TestTheDemoNamesItsProgram(t *testing.T) {
	for path, want := range map[string]string{
		"/usr/local/bin/notify_push":            "/usr/local/bin/notify_push",
		"/home/o'neill/notify_push":             `'/home/o'\''neill/notify_push'`,
		"/tmp/go-build123/b001/exe/notifypush":  "go run .",
		"/tmp/my tmp/go-build1/b001/exe/notify": "go run .",
		"/home/me/.cache/go-build/fa/faf044ee5d20168d6d7456ff234990726d023aa2529206598549fd95d4657973-d/notifypush": "go run .",
		"/tmp/go-build123/b001/cli.test":          "/tmp/go-build123/b001/cli.test",
		"/home/me/exe/go-build/b001/exe/x/notify": "/home/me/exe/go-build/b001/exe/x/notify",
	} {
		require.Equal(t, want, nameAt(path))
	}
}

// ended waits for a process that was interrupted, and ignores that it was asked for.
func ended(cmd *exec.Cmd) error {
	err := cmd.Wait()
	if cmd.ProcessState.Success() {
		return nil
	}
	return err
}
