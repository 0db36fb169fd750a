// Package examples has whole programs around the library, as a module of its own sees it.
package examples

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/client"
	"github.com/notifypush/notifypush/transport"
)

// server is a push server with its port, for an example.
type server struct {
	*actors.System
	websocket *transport.Websocket
	http      *httptest.Server
}

// serve starts a push server at /push/ws.
func serve(ports actors.Ports, options actors.Options, websocketOptions transport.WebsocketOptions) *server {
	system := must(actors.New(ports, options))
	websocket := must(transport.NewWebsocket(system, websocketOptions))
	system.Start()
	mux := http.NewServeMux()
	mux.Handle("/push/ws", websocket)
	return &server{system, websocket, httptest.NewServer(mux)}
}

// close ends the server in order: connections first, then sockets, then the port.
func (s *server) close() {
	if err := s.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	s.websocket.Close()
	s.http.Close()
}

// address is that of the websocket.
func (s *server) address() string { return strings.Replace(s.http.URL, "http", "ws", 1) + "/push/ws" }

// dial connects a client that logs in with the password "secret".
func (s *server) dial(user string) *client.Conn {
	return must(client.Dial(context.Background(), client.Options{Endpoint: s.address(), User: user, Password: "secret"}))
}

// read returns the text of the next push.
func read(conn *client.Conn) string {
	push, err := conn.Read(context.Background())
	if err != nil {
		return err.Error()
	}
	return push.String()
}

// bySecret lets everybody in who knows the word.
var bySecret = actors.VerifierFunc(func(_ context.Context, c actors.Credentials) (actors.Identity, error) {
	if c.Password.Reveal() != "secret" {
		return actors.Identity{}, actors.ErrInvalidCredentials
	}
	return actors.Identity{User: c.Login}, nil
})

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
