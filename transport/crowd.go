package transport

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// noRoom is said to who is turned away before anything was read.
const noRoom = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: " + retryAfter + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

// CountSockets has a server, which is not yet serving, hang up at once on whoever comes when there
// are Limits.Sockets already: also those who say nothing take a file descriptor each, and this
// process needs some to reach its neighbours.
func (w *Websocket) CountSockets(server *http.Server) {
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			if !w.visit() {
				turnAway(conn)
			}
		case http.StateHijacked, http.StateClosed:
			w.endVisit()
		}
	}
}

// visit counts a socket of which nobody knows yet whether it will be a websocket, and reports
// whether there is room for it.
func (a *admission) visit() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.visitors++
	return a.limits.Sockets == 0 || a.visitors+a.open <= a.limits.Sockets
}

func (a *admission) endVisit() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.visitors--
}

// turnAway closes a connection with a word, which is best effort: over TLS it would take a
// handshake.
func turnAway(conn net.Conn) {
	if _, encrypted := conn.(*tls.Conn); !encrypted {
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(conn, noRoom)
	}
	_ = conn.Close()
}
