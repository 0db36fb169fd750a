package transport

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
)

// site is a server whose sockets are counted.
type site struct {
	*bench
	server *httptest.Server
}

func newSite(t *testing.T, options WebsocketOptions) *site {
	t.Helper()
	b := newBench(t, loopback(t), options)
	server := httptest.NewUnstartedServer(NewHandler(b.websocket, nil, "1.2.3"))
	server.Listener = b.websocket.Intercept(server.Config, server.Listener)
	t.Cleanup(server.Close)
	return &site{b, server}
}

// visit connects from an address of this machine, and says nothing.
func (c *site) visit(t *testing.T, from string) *visit {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	conn, err := dialer.Dial("tcp", c.server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	return &visit{conn, t, bufio.NewReader(conn)}
}

// awaitRoom comes again and again until a visit, which stays, is answered so. Who comes often may be
// turned away without a word.
func (c *site) awaitRoom(t *testing.T, from, request string, status int) {
	t.Helper()
	eventually(t, func() bool {
		visit := c.visit(t, from)
		_, _ = io.WriteString(visit, request)
		response, err := http.ReadResponse(visit.reader, nil)
		if err == nil && response.StatusCode == status {
			return true
		}
		visit.Close()
		return false
	})
}

// visit is a client's side of a socket.
type visit struct {
	net.Conn
	t      *testing.T
	reader *bufio.Reader
}

const plainRequest = "GET /ws HTTP/1.1\r\nHost: push.example\r\n\r\n"

// ask sends a request and returns the status of the answer.
func (v *visit) ask(request string) int {
	v.t.Helper()
	_, _ = io.WriteString(v, request) // it may be closed already
	return v.answer()
}

func (v *visit) answer() int {
	v.t.Helper()
	response, err := http.ReadResponse(v.reader, nil)
	require.NoError(v.t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(v.t, err)
	if response.StatusCode == http.StatusServiceUnavailable {
		require.Equal(v.t, retryAfter, response.Header.Get("Retry-After"))
	}
	return response.StatusCode
}

// hear reads what a websocket's client is sent first.
func (v *visit) hear(text string) {
	v.t.Helper()
	f, err := (&wire{v.Conn, v.t, v.reader}).frame()
	require.NoError(v.t, err)
	require.Equal(v.t, text, string(f.Payload))
}

func handshakeFor(client string) string {
	return strings.Replace(wireHandshake, "Origin:", "X-Forwarded-For: "+client+"\r\nOrigin:", 1)
}

// Sockets are counted whether they are websockets, say something else, or nothing.
func TestSocketsAreCounted(t *testing.T) {
	c := newSite(t, WebsocketOptions{Limits: Limits{Sockets: 3}})
	c.server.Start()
	const here = "127.0.0.1"
	socket := c.visit(t, here)
	require.Equal(t, http.StatusSwitchingProtocols, socket.ask(wireHandshake))
	talking := c.visit(t, here)
	require.Equal(t, http.StatusUpgradeRequired, talking.ask(plainRequest))
	silent := c.visit(t, here)

	require.Equal(t, http.StatusServiceUnavailable, c.visit(t, here).answer())
	require.True(t, c.closed(actors.ServerFull)())
	require.Equal(t, http.StatusUpgradeRequired, talking.ask(plainRequest), "who was here before is served")

	for _, leaving := range []net.Conn{silent, talking, socket} {
		leaving.Close()
		c.awaitRoom(t, here, plainRequest, http.StatusUpgradeRequired)
	}
}

// A socket that becomes a websocket is one socket and not two.
func TestHandshakeCountsOnce(t *testing.T) {
	a := newAdmission(Limits{Sockets: 2}, nil)
	socket, other := &login{}, &login{}
	here := origin{client: netip.MustParseAddr("192.0.2.1")}
	require.Empty(t, a.accept(socket, here))
	require.Empty(t, a.admit(socket, here))
	require.Empty(t, a.accept(other, here))
	require.NotEmpty(t, a.accept(&login{}, here))
	a.loggedIn(socket)
	require.NotEmpty(t, a.accept(&login{}, here))
	a.leave()
	require.Empty(t, a.accept(&login{}, here))
}

// Of one address there may be so many sockets that have not logged in, whatever they say.
func TestSocketsOfOneAddress(t *testing.T) {
	c := newSite(t, WebsocketOptions{Limits: Limits{LoginsPerAddress: 3}})
	c.server.Start()
	const here, elsewhere = "127.0.0.1", "127.0.0.2"
	silent, socket, talking := c.visit(t, here), c.visit(t, here), c.visit(t, here)
	require.Equal(t, http.StatusUpgradeRequired, talking.ask(plainRequest))
	require.Equal(t, http.StatusSwitchingProtocols, socket.ask(handshakeFor("192.0.2.1")), "it counts once")

	require.Equal(t, http.StatusServiceUnavailable, c.visit(t, here).answer())
	require.True(t, c.closed(actors.ServerFull)())
	require.Equal(t, http.StatusUpgradeRequired, c.visit(t, elsewhere).ask(plainRequest))

	_, err := socket.Write(slices.Concat(text("alice"), text("secret")))
	require.NoError(t, err)
	socket.hear("authenticated")
	for _, leaving := range []func(){func() {}, func() { silent.Close() }, func() { talking.Close() }} {
		leaving()
		c.awaitRoom(t, here, wireHandshake, http.StatusSwitchingProtocols)
		require.Equal(t, http.StatusServiceUnavailable, c.visit(t, here).answer())
	}
}

// A handshake that fails gives nobody a socket that doesn't count.
func TestFailedHandshakeEndsTheConnection(t *testing.T) {
	c := newSite(t, WebsocketOptions{Limits: Limits{LoginsPerAddress: 1}})
	c.server.Start()
	visit := c.visit(t, "127.0.0.1")
	require.Equal(t, http.StatusBadRequest, visit.ask(strings.Replace(wireHandshake, "dGhlIHNhbXBsZSBub25jZQ==", "short", 1)))
	_, err := visit.reader.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

// Many come through a proxy: its own address has a much larger limit than theirs.
func TestSocketsThroughAProxy(t *testing.T) {
	c := newSite(t, WebsocketOptions{
		Limits:         Limits{LoginsPerAddress: 1, Sockets: 5},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	c.server.Start()
	const proxy = "127.0.0.1"
	c.visit(t, proxy)
	c.visit(t, proxy)
	require.Equal(t, http.StatusSwitchingProtocols, c.visit(t, proxy).ask(handshakeFor("192.0.2.1")))
	require.Equal(t, http.StatusServiceUnavailable, c.visit(t, proxy).ask(handshakeFor("192.0.2.1")))
	eventually(t, func() bool {
		c.websocket.mu.Lock()
		defer c.websocket.mu.Unlock()
		return c.websocket.login == 1 && len(c.websocket.unauthenticated) == 3
	})
	require.Equal(t, http.StatusSwitchingProtocols, c.visit(t, proxy).ask(handshakeFor("192.0.2.2")))
	c.visit(t, proxy)
	require.Equal(t, http.StatusServiceUnavailable, c.visit(t, proxy).answer(), "but all together have one")
}

// Who is turned away can read why, although it had sent a request that nobody reads.
func TestRefusedConnectionIsToldWhy(t *testing.T) {
	c := newSite(t, WebsocketOptions{Limits: Limits{Sockets: 1}})
	inside := c.visit(t, "127.0.0.1") // the system accepts in the order of arrival
	var turnedAway []*visit
	for range 3 {
		visit := c.visit(t, "127.0.0.1")
		_, err := io.WriteString(visit, wireHandshake)
		require.NoError(t, err)
		turnedAway = append(turnedAway, visit)
	}
	c.server.Start()
	for _, visit := range turnedAway {
		require.Equal(t, http.StatusServiceUnavailable, visit.answer())
		_, err := visit.reader.ReadByte()
		require.ErrorIs(t, err, io.EOF, "it is no reset, which could have overtaken the answer")
	}
	require.Equal(t, http.StatusUpgradeRequired, inside.ask(plainRequest))
}

// Only so many linger; with more, the connection is closed at once.
func TestRefusedConnectionsLingerInBounds(t *testing.T) {
	c := newSite(t, WebsocketOptions{Limits: Limits{Sockets: 1}})
	c.websocket.turnedAway.max = 1
	c.visit(t, "127.0.0.1")
	c.server.Start()
	for range 3 {
		visit := c.visit(t, "127.0.0.1")
		require.Equal(t, http.StatusServiceUnavailable, visit.answer())
		_, err := visit.reader.ReadByte()
		require.ErrorIs(t, err, io.EOF)
		c.websocket.turnedAway.mu.Lock()
		require.LessOrEqual(t, len(c.websocket.turnedAway.held), 1)
		c.websocket.turnedAway.mu.Unlock()
	}
}

// One address has few of the connections that linger after there was no room for them.
func TestRefusedConnectionsOfOneAddress(t *testing.T) {
	c := newSite(t, WebsocketOptions{Limits: Limits{LoginsPerAddress: 1}})
	c.server.Start()
	lingering := func() int {
		c.websocket.turnedAway.mu.Lock()
		defer c.websocket.turnedAway.mu.Unlock()
		return len(c.websocket.turnedAway.held)
	}
	for _, address := range []string{"127.0.0.1", "127.0.0.2"} {
		c.visit(t, address)
		before := lingering()
		for range 3 * maxTurnedAwayOfKey {
			require.Equal(t, http.StatusServiceUnavailable, c.visit(t, address).answer())
			require.LessOrEqual(t, lingering()-before, maxTurnedAwayOfKey)
		}
		require.Positive(t, lingering())
	}
}

// Connections without a request count against a gateway's limit, which is larger.
func TestSocketsOfAGateway(t *testing.T) {
	c := newSite(t, WebsocketOptions{PrivateProxies: true, Limits: Limits{LoginsPerAddress: 1}})
	c.server.Start()
	const gateway = "127.0.0.1"
	for range gatewayFactor - 1 {
		c.visit(t, gateway)
	}
	require.Equal(t, http.StatusUpgradeRequired, c.visit(t, gateway).ask(plainRequest))
	require.Equal(t, http.StatusServiceUnavailable, c.visit(t, gateway).answer())
	require.Equal(t, http.StatusUpgradeRequired, c.visit(t, "127.0.0.2").ask(plainRequest))
}

// A client takes more memory while it logs in.
func TestWeight(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{})
	w := b.dial(t, text("alice"))
	eventually(t, func() bool { return b.websocket.Weight() == 2 })
	w.send(text("secret"))
	eventually(t, func() bool { return b.websocket.Weight() == 1 })
}
