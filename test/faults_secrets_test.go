package test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
)

// asProgram, in the environment, makes the test's own binary notify_push: so a test can look into its process.
const asProgram = "NOTIFY_PUSH_TEST_AS_PROGRAM=1"

// heapDump, in the environment of the test's own binary when it runs as notify_push, names a file that
// everything is written to that lives in its memory, whenever it gets SIGUSR1.
const heapDump = "NOTIFY_PUSH_TEST_HEAP_DUMP"

// dumpHeapOnRequest is called before the program begins.
func dumpHeapOnRequest() {
	path := os.Getenv(heapDump)
	if path == "" {
		return
	}
	requests := make(chan os.Signal, 1)
	signal.Notify(requests, syscall.SIGUSR1)
	go func() {
		for range requests {
			runtime.GC()
			runtime.GC() // for what the first only took out of the pools
			file, err := os.Create(path + ".part")
			if err != nil {
				panic(err)
			}
			debug.WriteHeapDump(file.Fd())
			file.Close()
			if err := os.Rename(path+".part", path); err != nil {
				panic(err)
			}
		}
	}()
}

// TestFaultsMemoryIsRead looks for passwords and tokens in all that lives in the memory of a server that
// clients have logged in to.
func TestFaultsMemoryIsRead(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	s := newSite(t)
	s.wrapper = []string{"sh", "-c", fmt.Sprintf(`exec '%s' "$@"`, self)}
	dump := filepath.Join(t.TempDir(), "heap")
	p := s.serve(asProgram, heapDump+"="+dump)

	const password, wrong, token = "correct-horse-battery", "battery-of-wrong-horses", "token-of-a-staple"
	s.cloud.AddUser(nextcloud.User{ID: "walter-the-user", Password: password})
	clients := []*pushClient{p.dial("/ws"), p.dial("/ws"), p.dial("/ws")}
	clients[0].logIn("walter-the-user", password)
	s.publish("notify_pre_auth", fmt.Sprintf(`{"user":"bob","token":%q}`, token))
	clients[1].logIn("", token)
	clients[2].say("alice", wrong)
	clients[2].expect("err: Invalid credentials")
	for range 20 { // what comes next over a connection takes the place of what came before
		s.publish("notify_activity", fmt.Sprintf(`{"user":"nobody","padding":"%0200d"}`, 0))
	}
	clients[0].settle()

	secrets := map[string]string{
		"the password":                           password,
		"the wrong password":                     wrong,
		"the token":                              token,
		"what Nextcloud was asked with":          base64.StdEncoding.EncodeToString([]byte("walter-the-user:" + password)),
		"what Nextcloud was asked with, wrongly": base64.StdEncoding.EncodeToString([]byte("alice:" + wrong)),
	}
	began := time.Now()
	for {
		memory := p.memory(dump)
		require.True(t, bytes.Contains(memory, []byte("walter-the-user")), "this is the memory")
		for name, secret := range secrets {
			if !bytes.Contains(memory, []byte(secret)) {
				t.Logf("toll: %s is gone after %v", name, time.Since(began).Round(100*time.Millisecond))
				delete(secrets, name)
			}
		}
		if len(secrets) == 0 {
			return
		}
		require.Less(t, time.Since(began), 30*time.Second, "still there: %v", secrets)
		time.Sleep(time.Second)
	}
}

// memory has the daemon write down what lives in its memory.
func (p *pushServer) memory(dump string) (memory []byte) {
	p.t.Helper()
	_ = os.Remove(dump)
	p.signal(syscall.SIGUSR1)
	p.await("the memory is written down", func() (written bool) {
		var err error
		memory, err = os.ReadFile(dump)
		return err == nil
	})
	return memory
}

// TestFaultsProcessMemoryIsRead looks for passwords in all that a process may write to, which the garbage
// collector does not wipe: what is freed stays until other things take its place.
func TestFaultsProcessMemoryIsRead(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	s := newSite(t)
	s.wrapper = []string{"sh", "-c", fmt.Sprintf(`exec '%s' "$@"`, self)}
	p := s.serve(asProgram)
	const users = 20
	var passwords, headers [][]byte
	for i := range users {
		user, password := fmt.Sprint("user-", i), fmt.Sprintf("correct-horse-battery-%02d-staple", i)
		s.cloud.AddUser(nextcloud.User{ID: user, Password: password})
		p.dial("/ws").logIn(user, password)
		passwords = append(passwords, []byte(password))
		headers = append(headers, base64.StdEncoding.AppendEncode(nil, []byte(user+":"+password)))
	}
	memory := p.writableMemory()
	copies := func(secrets [][]byte) (n int) {
		for _, secret := range secrets {
			n += bytes.Count(memory, secret)
		}
		return n
	}
	t.Logf("toll: %d MiB of memory hold %d copies of %d passwords, and %d of what Nextcloud was asked with",
		len(memory)>>20, copies(passwords), users, copies(headers))
	require.Positive(t, bytes.Count(memory, []byte("user-19")), "this is the memory")
	require.Zero(t, copies(headers), "the buffers of requests are cleared")
	require.LessOrEqual(t, copies(passwords), 2*users)
}

// writableMemory reads what the daemon may write to of its memory.
func (p *pushServer) writableMemory() (memory []byte) {
	p.t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	defer mem.Close()
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		var access string
		_, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &access)
		require.NoError(p.t, err)
		if !strings.HasPrefix(access, "rw") {
			continue
		}
		part := make([]byte, to-from)
		if n, err := mem.ReadAt(part, int64(from)); err == nil || n > 0 {
			memory = append(memory, part[:n]...)
		}
	}
	return memory
}
