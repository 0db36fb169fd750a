//go:build unix

package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startTimeout is generous: a loaded machine is slow, but a server that will not start ends itself
// and is noticed at once.
const startTimeout = time.Minute

// endTimeout is how long a server may take to end, and then its children: a test fails, instead of waiting for ever.
const endTimeout = time.Minute

// Process is a server that a test may stop, kill, pause and start again. It ends with its test.
type Process struct {
	t         testing.TB
	path      string
	args      []string
	account   *syscall.Credential
	ready     func() error
	terminate syscall.Signal

	cmd    *exec.Cmd
	output bytes.Buffer // read only after exited is closed
	exited chan struct{}
}

// StartProcess starts a program that is no storage but needs the same care, such as a proxy. It
// counts as started when ready returns nil.
func StartProcess(t testing.TB, ready func() error, path string, args ...string) *Process {
	t.Helper()
	return StartProcessAs(t, nil, ready, path, args...)
}

// StartProcessAs is [StartProcess] for a program that runs as another account; nil means the test's own.
func StartProcessAs(t testing.TB, account *syscall.Credential, ready func() error, path string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, path: path, args: args, account: account, ready: ready, terminate: syscall.SIGTERM}
	p.begin()
	return p
}

// begin starts the server for the first time.
func (p *Process) begin() {
	p.t.Helper()
	p.Start()
	p.t.Cleanup(p.cleanUp)
}

// Start starts the server, again if need be, and returns when it answers.
func (p *Process) Start() {
	p.t.Helper()
	p.output.Reset()
	p.cmd = exec.Command(p.path, p.args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.WaitDelay = endTimeout // a child that is left has its output, too
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.account}
	endWithParent(p.cmd.SysProcAttr)
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.path, err)
	}
	p.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		_ = cmd.Wait()
		close(exited)
	}(p.cmd, p.exited)
	p.awaitReady()
}

func (p *Process) awaitReady() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		err := p.ready()
		if err == nil {
			return
		}
		select {
		case <-retry.C:
		case <-p.exited:
			p.t.Fatalf("%s ended instead of starting:\n%s", filepath.Base(p.path), p.output.String())
		case <-ctx.Done():
			p.Kill()
			p.t.Fatalf("%s does not answer: %v\n%s", filepath.Base(p.path), err, p.output.String())
		}
	}
}

// Stop asks the server to end, and returns when it has ended.
func (p *Process) Stop() { p.end(p.terminate) }

// Kill ends the server without asking.
func (p *Process) Kill() { p.end(syscall.SIGKILL) }

func (p *Process) end(signal syscall.Signal) {
	_ = p.cmd.Process.Signal(signal)
	select {
	case <-p.exited:
	case <-time.After(endTimeout):
		p.t.Errorf("%s does not end by %s", filepath.Base(p.path), signal)
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// Pause stops the server and its children where they are, as a frozen machine would, and returns
// when none of their threads runs any more: connections stay open and nothing answers.
func (p *Process) Pause() {
	p.t.Helper()
	tooLate := time.Now().Add(startTimeout)
	for _, pid := range p.signalTree(syscall.SIGSTOP) {
		for !isStopped(pid) {
			if time.Now().After(tooLate) {
				p.t.Fatalf("%s does not stop", filepath.Base(p.path))
			}
			time.Sleep(time.Millisecond) // the kernel would tell only their parents
		}
	}
}

// Resume lets a paused server go on.
func (p *Process) Resume() { p.signalTree(syscall.SIGCONT) }

func (p *Process) signalTree(signal syscall.Signal) (pids []int) {
	pids = append(childrenOf(p.cmd.Process.Pid), p.cmd.Process.Pid)
	for _, pid := range pids {
		_ = syscall.Kill(pid, signal)
	}
	return pids
}

// isStopped reports whether all threads of a process are stopped, or ended.
func isStopped(pid int) bool {
	stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, path := range stats {
		if fields := readStat(path); fields != nil && !strings.ContainsAny(fields[0], "TtZX") {
			return false
		}
	}
	return true
}

// readStat returns what a file stat of /proc says behind the name: state, parent, and so on; nil when
// the process has ended.
func readStat(path string) []string {
	stat, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	// "pid (name) state parent …", where the name may hold spaces and parentheses
	return strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
}

// childrenOf reads /proc, because PostgreSQL's children leave the process group of their parent.
func childrenOf(parent int) []int {
	var children []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		if fields := readStat(path); fields != nil && fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			children = append(children, pid)
		}
	}
	return children
}

func (p *Process) cleanUp() {
	select {
	case <-p.exited:
	default:
		p.Resume() // a paused process ends only when it goes on
		p.Kill()
	}
}

// Program returns the path of an installed program, the first of names that is there. Without one
// it skips the test, or fails it when REQUIRE_SERVICES=1 is set.
func Program(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	// Debian keeps PostgreSQL's programs and many servers off the PATH.
	for _, name := range names {
		for _, pattern := range []string{"/usr/lib/postgresql/*/bin/", "/usr/sbin/", "/usr/local/sbin/"} {
			if found, _ := filepath.Glob(pattern + name); len(found) > 0 {
				return slices.Max(found)
			}
		}
	}
	if os.Getenv("REQUIRE_SERVICES") == "1" {
		t.Fatalf("%s is not installed, and REQUIRE_SERVICES=1 is set", names[0])
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}

// Dir returns a new directory that is removed with the test. Its path is short, because a unix
// socket's path has room for about 100 bytes, and every account may enter it.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "np")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// FreePort returns a TCP port of 127.0.0.1 on which nobody listens, and which no other test gets until
// this one ends. Systems give out higher ones to outgoing connections, and so does a load test to its
// servers, so it stays free until a server takes it.
func FreePort(t testing.TB) int {
	t.Helper()
	const first, last = 10_000, 20_000
	for {
		port := first + rand.IntN(last-first)
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		claim, err := net.ListenPacket("udp", address) // tests of other packages run in other processes
		if err == nil {
			t.Cleanup(func() { claim.Close() })
			var listener net.Listener
			if listener, err = net.Listen("tcp", address); err == nil {
				listener.Close()
				return port
			}
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
	}
}

// Account returns the account of that name when the test runs as root, because PostgreSQL, MariaDB
// and PHP refuse to run as root; nil means the test's own account.
func Account(t testing.TB, name string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	account, err := user.Lookup(name)
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, err1 := strconv.ParseUint(account.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(account.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// give hands paths to a server's account.
func give(t testing.TB, account *syscall.Credential, paths ...string) {
	t.Helper()
	if account == nil {
		return
	}
	for _, path := range paths {
		if err := os.Chown(path, int(account.Uid), int(account.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a program that prepares a server.
func run(t testing.TB, account *syscall.Credential, dir, path string, args ...string) {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, output)
	}
}
