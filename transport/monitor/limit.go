package monitor

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
)

// MaxConnections is how many connections the operators' listener of the daemon has.
const MaxConnections = 32

// LimitConnections bounds the connections of a server that does not serve yet, so that they take no file descriptors that clients need.
// Beyond the limit, the oldest one ends that has no request, and the new one where all have: what only holds connections open keeps
// nobody out. It takes the server's ConnState and ConnContext.
func LimitConnections(server *http.Server, most int) {
	l := &connections{most: most}
	server.ConnState = l.note
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn)
	}
	handler := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _ := r.Context().Value(connKey{}).(net.Conn)
		l.serving(conn, true)
		defer l.serving(conn, false)
		handler.ServeHTTP(w, r)
	})
}

type connKey struct{}

// connections are the open ones of a server. It is safe for concurrent use.
type connections struct {
	most int

	mu   sync.Mutex
	open []openConn // the oldest first
}

type openConn struct {
	net.Conn
	serving bool
}

// note takes what http.Server says of a connection.
func (l *connections) note(conn net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case http.StateNew:
		if l.open = append(l.open, openConn{Conn: conn}); len(l.open) > l.most {
			idle := slices.IndexFunc(l.open, func(c openConn) bool { return !c.serving }) // the new one at last
			_ = l.open[idle].Close()
			l.open = slices.Delete(l.open, idle, idle+1)
		}
	case http.StateClosed, http.StateHijacked:
		if at := l.find(conn); at >= 0 {
			l.open = slices.Delete(l.open, at, at+1)
		}
	}
}

func (l *connections) serving(conn net.Conn, is bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.find(conn); at >= 0 {
		l.open[at].serving = is
	}
}

func (l *connections) find(conn net.Conn) int {
	return slices.IndexFunc(l.open, func(c openConn) bool { return c.Conn == conn })
}
