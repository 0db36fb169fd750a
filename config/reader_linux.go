package config

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/notifypush/notifypush/internal/files"
)

// self is this program, even if its file was replaced since, or is in a folder that others may not enter.
const self = "/proc/self/exe"

// startAs runs this program with the rights of another user, and returns what it prints. It has no terminal, can gain no rights, and holds
// no files of ours but two pipes. Its environment is ours, because PHP would read that, or has these variables, if they are not nil.
func startAs(ctx context.Context, user *keeper, arguments, variables []string, input []byte) ([]byte, error) {
	return files.Within(ctx, func() ([]byte, error) { return start(ctx, user, arguments, variables, input) })
}

// start is called in a goroutine that ends with it.
func start(ctx context.Context, user *keeper, arguments, variables []string, input []byte) ([]byte, error) {
	runtime.LockOSThread() // and never unlock it: the thread, which cannot gain rights any more, ends with the goroutine
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("set no_new_privs: %w", err)
	}
	if err := closeOnExec(); err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, self, arguments...) //nolint:gosec // this program, with arguments of its own
	command.Stdin, command.Env = bytes.NewReader(input), variables
	var output boundedOutput
	command.Stdout = &output
	command.WaitDelay = time.Second
	command.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: user.uid, Gid: user.gid, Groups: user.groups},
		Setsid:     true, // so that nothing is typed into our terminal, and what it starts is ended with it
	}
	command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	if err := command.Run(); err != nil {
		return nil, err
	}
	return output.Bytes(), nil
}

// closeOnExec keeps from other processes what this one was given open at its start. What it opens itself is kept from them anyway.
func closeOnExec() error {
	if unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return nil
	}
	entries, err := os.ReadDir("/proc/self/fd") // before Linux 5.11
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if number, err := strconv.Atoi(entry.Name()); err == nil && number > 2 {
			unix.CloseOnExec(number)
		}
	}
	return nil
}

// hasAccessList reports whether a file has a POSIX access list. Its mask is what the mode then shows as the group's rights.
func hasAccessList(path string) bool {
	size, err := unix.Lgetxattr(path, "system.posix_acl_access", nil)
	return err == nil && size > 0
}
