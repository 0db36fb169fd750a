package transport

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// exchange writes a text to a server as it is, and returns all that comes back.
func exchange(t testing.TB, url, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	all, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(all)
}

// pipeListener hands out one end of a pipe, so that a bubble of faked time can hold both ends.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "@"} }

// dialPiped connects to a server of handler over a pipe, in a bubble of faked time.
func dialPiped(t testing.TB, handler http.Handler) net.Conn {
	listener := &pipeListener{make(chan net.Conn), make(chan struct{})}
	serve(t, listener, handler)
	ours, theirs := net.Pipe()
	listener.conns <- theirs
	t.Cleanup(func() { _ = ours.Close() })
	return ours
}

// dialIntercepted is dialPiped to a server whose handshakes are answered without net/http.
func dialIntercepted(t testing.TB, handler http.Handler) net.Conn {
	w := newWebsocket(actorstest.New(t, nil).System, WebsocketOptions{}, nil)
	t.Cleanup(w.Close)
	listener := &pipeListener{make(chan net.Conn), make(chan struct{})}
	server := NewServer(handler, nil)
	serveBy(t, server, w.Intercept(server, listener))
	ours, theirs := net.Pipe()
	listener.conns <- theirs
	t.Cleanup(func() { _ = ours.Close() })
	return ours
}

// hungUpAfter returns how long a server keeps a connection.
func hungUpAfter(t testing.TB, conn net.Conn) time.Duration {
	t.Helper()
	start := time.Now()
	_, err := io.Copy(io.Discard, conn)
	require.NoError(t, err)
	return time.Since(start)
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	for _, test := range []struct {
		name, sends string
		answers     int // to read first
		after       time.Duration
	}{
		{"silence", "", 0, 10 * time.Second},
		{"half a header", "GET /ws HTTP/1.1\r\nHost:", 0, 10 * time.Second},
		{"idle after a request", "GET /version HTTP/1.1\r\nHost: x\r\n\r\n", 1, time.Minute},
		{"a body that does not come", "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", 0, 10 * time.Second},
		{"a body of chunks that do not come", "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 0, 10 * time.Second},
	} {
		for way, dial := range map[string]func(testing.TB, http.Handler) net.Conn{"net/http": dialPiped, "intercepted": dialIntercepted} {
			t.Run(test.name+", "+way, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					conn := dial(t, NewHandler(http.NotFoundHandler(), nil, "1"))
					_, err := io.WriteString(conn, test.sends)
					require.NoError(t, err)
					buffered := bufio.NewReader(conn)
					for range test.answers {
						response, err := http.ReadResponse(buffered, nil)
						require.NoError(t, err)
						_, err = io.Copy(io.Discard, response.Body)
						require.NoError(t, err)
					}
					require.Equal(t, test.after, hungUpAfter(t, conn))
				})
			})
		}
	}
}

func TestConnectionsThatReadNothingAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := dialPiped(t, NewHandler(http.NotFoundHandler(), nil, "1"))
		_, err := io.WriteString(conn, "GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		time.Sleep(answerTimeout)
		synctest.Wait()
		require.Zero(t, hungUpAfter(t, conn))
	})
}

// A deadline for the body must not be one for the answer.
func TestSlowAnswersAreWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(time.Hour):
				fmt.Fprint(w, "at last")
			case <-r.Context().Done():
			}
		})
		conn := dialPiped(t, slow)
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, "at last", string(body))
	})
}

func TestHeadersAreBounded(t *testing.T) {
	listener, err := Listen(t.Context(), ListenOptions{Bind: "127.0.0.1"})
	require.NoError(t, err)
	serve(t, listener, hello)
	url := "http://" + listener.Addr().String()
	require.Equal(t, 200, testkit.Request(t, "GET", url, "X-Forwarded-For", strings.Repeat("1.2.3.4, ", 1000)).Status)
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, testkit.Request(t, "GET", url, "X-Forwarded-For", strings.Repeat("1.2.3.4, ", 4000)).Status)
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, testkit.Request(t, "GET", url, "X-A", strings.Repeat("a", 16<<10)).Status)
	require.NotEqual(t, http.StatusRequestHeaderFieldsTooLarge, testkit.Request(t, "GET", url, "X-A", strings.Repeat("a", 15<<10)).Status)
}

func TestServerLogsAtDebugLevel(t *testing.T) {
	core, logged := observer.New(zap.DebugLevel)
	NewServer(nil, zap.New(core)).ErrorLog.Print("http: TLS handshake error from 192.0.2.1:1: EOF")
	require.Equal(t, 1, logged.FilterLevelExact(zap.DebugLevel).FilterMessageSnippet("TLS handshake").Len())
	require.Equal(t, 1, logged.Len())
}

// A header that comes slowly has 10 s in all, also where its beginning came late.
func TestSlowHeaderIsNotGivenMoreTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := dialIntercepted(t, http.NotFoundHandler())
		time.Sleep(headerTimeout - time.Second)
		_, err := io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: x\r\n")
		require.NoError(t, err)
		require.Equal(t, time.Second, hungUpAfter(t, conn))
	})
}

// A connection that has sent nothing does not hold up the end.
func TestCloseEndsSilentConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWebsocket(actorstest.New(t, nil).System, WebsocketOptions{}, nil)
		listener := &pipeListener{make(chan net.Conn), make(chan struct{})}
		server := NewServer(http.NotFoundHandler(), nil)
		front := w.Intercept(server, listener)
		served := make(chan error)
		go func() { served <- server.Serve(front) }()
		ours, theirs := net.Pipe()
		listener.conns <- theirs
		synctest.Wait()
		require.Equal(t, 1, w.Weight())
		started := time.Now()
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
		w.Close()
		require.Zero(t, time.Since(started))
		require.Zero(t, hungUpAfter(t, ours))
		require.Zero(t, w.Weight())
	})
}
