package test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// TestFaultsProcessIsPaused stops the server itself, as a virtual machine that is moved: Redis buffers
// meanwhile, and nobody is dropped for it.
func TestFaultsProcessIsPaused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serveAtOnce()
	bob := p.login("bob")
	r := p.follow()
	p.signal(syscall.SIGSTOP)
	time.Sleep(span(3*time.Second, 45*time.Second))
	p.signal(syscall.SIGCONT)
	r.faultIsOver()
	s.publishAtOnce(customEvent("bob", "still there?"))
	bob.expect("still there?")
	r.finish().requireNothingLost(t)
}

// TestFaultsDiskIsFull fills the file system that the socket is in, and then starts the server there.
func TestFaultsDiskIsFull(t *testing.T) {
	t.Parallel()
	folder := storagetest.Dir(t)
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=64k,nr_inodes=8"); err != nil {
		t.Skipf("a file system that can be filled needs the right to mount: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(folder, 0)) })
	s := newSite(t)
	path := filepath.Join(folder, "push.sock")
	p := s.launch("SOCKET_PATH=" + path)
	connects := func() bool {
		conn, err := net.Dial("unix", path)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}
	p.await("it listens", connects)
	files := fill(t, folder)
	require.True(t, connects())
	p.terminate() // frees the socket's place

	files = append(files, fill(t, folder)...)
	p = s.launch("SOCKET_PATH=" + path)
	p.awaitExit()
	require.Equal(t, 1, p.cmd.ProcessState.ExitCode())
	require.Contains(t, p.output.String(), path)
	require.Contains(t, p.output.String(), "no space left on device")

	require.NoError(t, os.Remove(files[0])) // for the service manager tries again
	s.launch("SOCKET_PATH="+path).await("it listens", connects)
}

// fill takes all places of a file system, and returns the files that do.
func fill(t *testing.T, folder string) (files []string) {
	t.Helper()
	for {
		file, err := os.CreateTemp(folder, "full")
		if errors.Is(err, syscall.ENOSPC) {
			return files
		}
		require.NoError(t, err)
		_, _ = file.Write(make([]byte, 1<<20))
		file.Close()
		files = append(files, file.Name())
	}
}

// TestFaultsDescriptorsRunOut has more clients come than there can be: those that are there are served,
// those that come are refused with a reason, and when some go there is room again.
func TestFaultsDescriptorsRunOut(t *testing.T) {
	t.Parallel()
	const descriptors = 300
	s := newSite(t)
	s.wrapper = []string{"sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, descriptors)}
	p := s.serveAtOnce("MAX_CONNECTIONS_PER_USER=1000")
	r := p.follow()

	t.Run("websockets", func(t *testing.T) {
		login := string(textFrame("bob")) + string(textFrame(passwordOf("bob"))) // or they would have to leave after 15 s
		var clients []*rawClient
		var answer *http.Response
		for answer == nil || answer.StatusCode == http.StatusSwitchingProtocols {
			require.Less(t, len(clients), descriptors, "somebody is refused")
			c := p.dialRaw(handshake("/ws") + login)
			clients = append(clients, c)
			answer = c.response()
		}
		require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
		require.NotEmpty(t, answer.Header.Get("Retry-After"))
		require.Greater(t, len(clients), descriptors/3)
		require.Equal(t, "0", request(t, http.MethodGet, "http://"+p.address()+"/test/cookie").body, "there is room for those who only ask")
		for _, c := range clients {
			c.conn.Close()
		}
		p.await("there is room again", func() bool { return p.dialRaw(handshake("/ws")).response().StatusCode == http.StatusSwitchingProtocols })
	})
	t.Run("sockets that say nothing", func(t *testing.T) {
		for range 2 * descriptors {
			p.dialRaw("")
		}
		r.betweenEvents(func() { s.redis.Do("", "CLIENT", "KILL", "TYPE", "pubsub") }) // what the server itself needs, it has
		r.awaitResync()
		p.awaitServing()
		p.await("a client gets in", func() bool {
			conn, err := net.Dial("tcp", p.address())
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			fmt.Fprint(conn, handshake("/ws"))
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			return err == nil && response.StatusCode == http.StatusSwitchingProtocols
		})
	})
	r.finish().requireOnlyUnheard(t)
}
