package client_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/client"
)

// script is what a push server does with one connection, from the first byte after the handshake.
type script func(t *testing.T, ctx context.Context, ws *websocket.Conn)

func (s script) handler(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if !assert.NoError(t, err) {
			return
		}
		defer ws.CloseNow()
		s(t, r.Context(), ws)
	}
}

// admit takes a login of alice and then does what is next, or waits for the client to go.
func admit(next script) script {
	return func(t *testing.T, ctx context.Context, ws *websocket.Conn) {
		assert.Equal(t, "alice", read(t, ctx, ws))
		assert.Equal(t, "secret", read(t, ctx, ws))
		write(t, ctx, ws, "authenticated")
		next(t, ctx, ws)
	}
}

// answer takes any login and says text, then closes with 1008 as a refusing server does.
func answer(text string) script {
	return func(t *testing.T, ctx context.Context, ws *websocket.Conn) {
		read(t, ctx, ws)
		read(t, ctx, ws)
		write(t, ctx, ws, text)
		ws.Close(websocket.StatusPolicyViolation, "")
	}
}

func say(texts ...string) script {
	return func(t *testing.T, ctx context.Context, ws *websocket.Conn) {
		for _, text := range texts {
			write(t, ctx, ws, text)
		}
		untilGone(t, ctx, ws)
	}
}

func untilGone(_ *testing.T, ctx context.Context, ws *websocket.Conn) {
	for {
		if _, _, err := ws.Read(ctx); err != nil {
			return
		}
	}
}

func read(t *testing.T, ctx context.Context, ws *websocket.Conn) string {
	kind, text, err := ws.Read(ctx)
	assert.NoError(t, err)
	assert.Equal(t, websocket.MessageText, kind)
	return string(text)
}

func write(t *testing.T, ctx context.Context, ws *websocket.Conn, text string) {
	assert.NoError(t, ws.Write(ctx, websocket.MessageText, []byte(text)))
}

// serve starts an HTTP server on loopback and gives its address and a client for it.
func serve(t *testing.T, handler http.Handler) (address string, httpClient *http.Client) {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL, server.Client()
}

// pushServer starts one that does as the script says, and gives the options to log in there as alice.
func pushServer(t *testing.T, s script) client.Options {
	address, httpClient := serve(t, s.handler(t))
	return client.Options{
		Endpoint:   websocketAddress(address) + "/push/ws",
		User:       "alice",
		Password:   "secret",
		HTTPClient: httpClient,
	}
}

func websocketAddress(address string) string {
	return "ws" + strings.TrimPrefix(address, "http")
}

func mustDial(t *testing.T, opts client.Options) *client.Conn {
	conn, err := client.Dial(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// memoryNetwork connects clients and servers of one test in memory, so that synctest can see when all of them wait.
type memoryNetwork struct {
	connections chan net.Conn
	closed      chan struct{}
}

func newMemoryNetwork() *memoryNetwork {
	return &memoryNetwork{connections: make(chan net.Conn), closed: make(chan struct{})}
}

func (n *memoryNetwork) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: n.dial}}
}

func (n *memoryNetwork) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case n.connections <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n *memoryNetwork) Accept() (net.Conn, error) {
	select {
	case connection := <-n.connections:
		return connection, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *memoryNetwork) Close() error {
	close(n.closed)
	return nil
}

func (n *memoryNetwork) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "memory"} }

// serveInMemory is serve without sockets; the server ends with the test.
func serveInMemory(t *testing.T, handler http.Handler) *http.Client {
	network := newMemoryNetwork()
	server := &http.Server{Handler: handler}
	go server.Serve(network)
	t.Cleanup(func() { server.Close() })
	return network.client()
}
