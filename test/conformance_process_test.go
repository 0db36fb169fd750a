package test

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// Section 8: the process.

func TestConformanceSignalsThatEndIt(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := newSite(t).serve()
		alice := p.login("alice")
		p.signal(signal)
		code := alice.closed()
		p.awaitExit()
		if isOurs() {
			require.Equal(t, websocket.StatusServiceRestart, code)
			require.Equal(t, "exit status 0", p.cmd.ProcessState.String())
		}
	}
}

// TestConformanceEndIsSpread ends a daemon with many clients, which are let go one after the other, and no new ones let in.
func TestConformanceEndIsSpread(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serve("--max-connections-per-user=1000")
	const clients = 150
	ends := make(chan time.Time, clients)
	for range clients {
		c := p.login("alice")
		go func() {
			for range c.heard { // nothing comes but the end
			}
			if websocket.CloseStatus(c.err) == websocket.StatusServiceRestart {
				ends <- time.Now()
			}
		}()
	}
	p.signal(syscall.SIGTERM)
	first := <-ends
	_, err := http.Get("http://" + p.address() + "/test/cookie")
	require.Error(t, err)
	last := first
	for range clients - 1 {
		last = <-ends
	}
	require.Greater(t, last.Sub(first), 500*time.Millisecond, "150 moments within 1.5 s that are so close are no accident")
	p.awaitExit()
}

// TestConformanceSecondSignal has clients that don't hang up, for which the daemon would wait.
func TestConformanceSecondSignal(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	p := newSite(t).serve("--max-connections-per-user=1000")
	var clients []*rawClient
	for range 200 {
		c := p.open(textFrame("alice"), textFrame(passwordOf("alice")))
		c.expectText("authenticated")
		clients = append(clients, c)
	}
	p.signal(syscall.SIGTERM)
	p.awaitPortClosed()
	p.signal(syscall.SIGTERM)
	p.awaitExit()
	require.Equal(t, "signal: terminated", p.cmd.ProcessState.String())
	clients[0].conn.Close()
}

func TestConformanceHangup(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serveAtOnce()
	alice := p.login("alice")
	for i := range 3 {
		p.signal(syscall.SIGHUP)
		s.publishAtOnce(customEvent("alice", fmt.Sprint(i)))
		alice.expect(fmt.Sprint(i))
	}
}

// fakeSystemd takes what the daemon tells systemd.
type fakeSystemd struct {
	t    *testing.T
	conn *net.UnixConn
	path string
}

func newFakeSystemd(t *testing.T) *fakeSystemd {
	path := filepath.Join(storagetest.Dir(t), "notify.sock")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	return &fakeSystemd{t, conn, path}
}

// await returns what the daemon said until it said something, that included.
func (f *fakeSystemd) await(want string) (said []string) {
	f.t.Helper()
	buffer := make([]byte, 4096)
	for {
		n, err := f.conn.Read(buffer)
		require.NoError(f.t, err, "it never said %s, but %q", want, said)
		for line := range strings.SplitSeq(string(buffer[:n]), "\n") {
			said = append(said, line)
			if strings.HasPrefix(line, want) {
				return said
			}
		}
	}
}

func TestConformanceServiceManager(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	systemd := newFakeSystemd(t)
	p := s.start(append(s.variables(), "NOTIFY_SOCKET="+systemd.path, "WATCHDOG_USEC=2000000")...)
	systemd.await("READY=1")
	p.login("alice") // it serves
	if isOurs() {
		systemd.await("WATCHDOG=1")
		systemd.await("WATCHDOG=1")
		p.signal(syscall.SIGTERM)
		systemd.await("STOPPING=1")
		p.awaitExit()
	}
}

func TestConformanceReadyOnlyWhenSubscribed(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	s.redis.Stop()
	systemd := newFakeSystemd(t)
	p := s.start(append(s.variables(), "NOTIFY_SOCKET="+systemd.path)...)
	said := systemd.await("STATUS=redis: ")
	require.NotContains(t, said, "READY=1")
	require.Equal(t, http.StatusServiceUnavailable, request(t, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/readyz", p.metricsPort)).status)
	require.Equal(t, http.StatusOK, request(t, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/livez", p.metricsPort)).status)
	s.redis.Start()
	systemd.await("READY=1")
	systemd.await("STATUS=serving")
	require.Equal(t, http.StatusOK, request(t, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/readyz", p.metricsPort)).status)
	p.login("alice")
}

// TestConformanceRestartHandsLoginsOver has clients come back to the next process while Nextcloud cannot be asked.
func TestConformanceRestartHandsLoginsOver(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	config := s.writeConfig("'secret' => 'secret of this Nextcloud',")
	p := s.start(config, "LOG=info")
	p.awaitServing()
	alice := p.login("alice")
	p.loginRefused("bob", "wrong")
	p.terminate()
	require.Equal(t, websocket.StatusServiceRestart, alice.closed())

	left := s.leftInRedis()
	require.NotEmpty(t, left)
	for _, secret := range []string{passwordOf("alice"), "secret of this Nextcloud", "wrong"} {
		require.NotContains(t, left, secret)
	}

	s.cloud.Behave(nextcloud.Behaviour{Fault: nextcloud.FaultError})
	asked := len(s.asked("uid"))
	p = s.start(config, "LOG=info")
	p.awaitServing()
	p.awaitLog("resumed the logins of the previous process")
	p.login("alice")
	require.Len(t, s.asked("uid"), asked)
	for _, guess := range []string{"wrong", passwordOf("bob"), ""} {
		text := p.loginRefused("alice", guess)
		require.NotEqual(t, "authenticated", text)
	}
	require.Len(t, s.asked("uid"), asked+3, "what is not known is asked for")
	require.Empty(t, s.leftInRedis(), "the logins are used up")
}

func TestConformanceNoSecretNoHandover(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serve()
	p.login("alice")
	p.terminate()
	require.Empty(t, s.leftInRedis())
}

// leftInRedis is everything in Redis about logins, keys and values.
func (s *site) leftInRedis() string {
	s.t.Helper()
	var all []string
	for _, key := range s.redis.Do("", "KEYS", "*login*").([]any) {
		name := string(key.([]byte))
		value, _ := s.key(name)
		all = append(all, name, value)
		require.Positive(s.t, s.redis.Do("", "PTTL", name), "it does not stay for ever")
	}
	return strings.Join(all, " ")
}
