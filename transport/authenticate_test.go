package transport

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/notifypush/notifypush/transport/frame"
	"github.com/stretchr/testify/require"
)

var trustedLoopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// twoMessages are the two messages of a client.
func twoMessages(name, password string) []byte {
	return frame.AppendMasked(frame.AppendMasked(nil, frame.Text, name), frame.Text, password)
}

// bySession is an Authenticate that knows alice by her cookie.
func bySession(r *http.Request) (*actors.Identity, error) {
	cookie, err := r.Cookie("session")
	switch {
	case err != nil:
		return nil, nil //nolint:nilerr // No cookie: the client logs in by messages.
	case cookie.Value == "down":
		return nil, errors.New("the session store is down")
	case cookie.Value == "nobody":
		return &actors.Identity{}, nil
	case cookie.Value != "alice":
		return nil, actors.ErrInvalidCredentials
	}
	return &actors.Identity{User: "alice", Tag: "by cookie"}, nil
}

// withCookie is a handshake with a cookie.
func (b *bench) withCookie(t *testing.T, cookie string) (*wire, testkit.Reply) {
	t.Helper()
	conn, err := net.Dial(b.address.Network(), b.address.String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	w := &wire{conn, t, bufio.NewReader(conn)}
	w.send([]byte(strings.Replace(wireHandshake, "Origin:", "User-Agent: test/1\r\nX-Forwarded-For: 192.0.2.7\r\nCookie: session="+cookie+"\r\nOrigin:", 1)))
	response, err := http.ReadResponse(w.reader, nil)
	require.NoError(t, err)
	return w, testkit.Reply{Status: response.StatusCode, Header: response.Header}
}

// A host that knows its clients by their handshake needs no login of them, over its own server and over ours.
func TestAuthenticatedByTheHandshake(t *testing.T) {
	for name, inHost := range map[string]bool{"host's server": true, "intercepted": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, loopback(t), WebsocketOptions{Authenticate: bySession, DescribeClients: true, TrustedProxies: trustedLoopback})
			if inHost {
				b.inHost(t)
			}
			w, reply := b.withCookie(t, "alice")
			require.Equal(t, http.StatusSwitchingProtocols, reply.Status)
			require.Equal(t, "authenticated", w.text())
			_, err := b.System.Send(t.Context(), "alice", "hello")
			require.NoError(t, err)
			require.Equal(t, "hello", w.text())
			list, err := b.System.Connections(t.Context(), "alice")
			require.NoError(t, err)
			require.Equal(t, []string{"by cookie", "192.0.2.7", "test/1"}, []string{list[0].Tag, list[0].Address, list[0].UserAgent})
			require.Zero(t, b.System.Stats().Logins, "nobody was asked")

			for cookie, status := range map[string]int{"down": http.StatusServiceUnavailable, "nobody": http.StatusServiceUnavailable, "mallory": http.StatusUnauthorized} {
				_, reply := b.withCookie(t, cookie)
				require.Equal(t, status, reply.Status, cookie)
			}
			other := b.dial(t, twoMessages("alice", "secret")) // without a cookie
			require.Equal(t, "authenticated", other.text())
		})
	}
}

// Guesses at cookies count as those at passwords do.
func TestGuessesAtCookiesAreThrottled(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{Authenticate: bySession, TrustedProxies: trustedLoopback})
	for range 1000 {
		_, reply := b.withCookie(t, "guess")
		if reply.Status == http.StatusTooManyRequests {
			require.NotEmpty(t, reply.Header.Get("Retry-After"))
			return
		}
		require.Equal(t, http.StatusUnauthorized, reply.Status)
	}
	require.Fail(t, "a thousand guesses")
}

type tenantKey struct{}

// A Verifier sees the fields of the handshake that the host names, and the values of its context.
func TestVerifierSeesTheHandshake(t *testing.T) {
	verifier := actors.VerifierFunc(func(ctx context.Context, c actors.Credentials) (actors.Identity, error) {
		require.Equal(t, actors.Header{"Host": {"localhost"}, "Origin": {"https://localhost"}}, c.Header)
		require.Equal(t, "127.0.0.1", c.Address)
		return actors.Identity{User: c.Login, Tag: ctx.Value(tenantKey{}).(string)}, nil
	})
	system, err := actors.New(actors.Ports{Verifier: verifier}, actors.Options{})
	require.NoError(t, err)
	system.Start()
	websocket, err := NewWebsocket(system, WebsocketOptions{Headers: []string{"host", "ORIGIN", "Cookie"}})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, system.Shutdown(context.Background()))
		websocket.Close()
	})
	b := &bench{Kit: &actorstest.Kit{System: system}, websocket: websocket}
	listener := loopback(t)
	serve(t, listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		websocket.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tenantKey{}, "blue")))
	}))
	b.address = listener.Addr()
	require.Equal(t, "authenticated", b.dial(t, twoMessages("alice", "secret")).text())
	list, err := system.Connections(t.Context(), "alice")
	require.NoError(t, err)
	require.Equal(t, "blue", list[0].Tag)
	require.Equal(t, "127.0.0.1", list[0].Address)
}

// A Websocket works in a bubble of testing/synctest where its connections are in memory.
func TestWebsocketInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kit := actorstest.Start(t, nil)
		websocket, err := NewWebsocket(kit.System, WebsocketOptions{})
		require.NoError(t, err)
		server, conn := net.Pipe()
		listener := &oneConn{conns: make(chan net.Conn, 1)}
		listener.conns <- server
		httpServer := &http.Server{Handler: websocket}
		go httpServer.Serve(listener)
		w := &wire{conn, t, bufio.NewReader(conn)}
		go w.send([]byte(wireHandshake), twoMessages("alice", "secret"))
		_, err = http.ReadResponse(w.reader, nil)
		require.NoError(t, err)
		require.Equal(t, "authenticated", w.text())
		kit.Events.Emit("notify_activity", `{"user":"alice"}`)
		require.Equal(t, "notify_activity", w.text(), "after the debounce, in no time")
		require.NoError(t, websocket.Probe(t.Context()))
		conn.Close()
		require.NoError(t, kit.System.Shutdown(t.Context()))
		websocket.Close()
		close(listener.conns)
		httpServer.Close()
		time.Sleep(time.Minute)
	})
}

// oneConn is a listener with connections in memory.
type oneConn struct{ conns chan net.Conn }

func (l *oneConn) Accept() (net.Conn, error) {
	if conn, ok := <-l.conns; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }

// What a host gives that cannot be is an error that says so, or is left out.
func TestMistakesOfTheHost(t *testing.T) {
	_, err := NewWebsocket(nil, WebsocketOptions{})
	require.ErrorContains(t, err, "needs a System")
	system, err := actors.New(actors.Ports{Verifier: &actorstest.Verifier{}}, actors.Options{})
	require.NoError(t, err)
	_, err = NewWebsocket(system, WebsocketOptions{Limits: Limits{Logins: -1}})
	require.ErrorContains(t, err, "none may be negative")
	for _, path := range []string{"/ws", "/test/cookie", "/version"} {
		recorder := httptest.NewRecorder()
		NewHandler(nil, nil, "1").ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
		require.Equal(t, path == "/version", recorder.Code == http.StatusOK, path)
	}
}
