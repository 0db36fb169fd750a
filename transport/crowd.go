package transport

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/notifypush/notifypush/actors"
)

// noRoom is said to who is turned away before anything was read.
const noRoom = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: " + retryAfter + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

// maxFarewells is how many of those who are turned away are waited for at once, so that they can
// read why. More are cut off: strangers decide how many there are.
const maxFarewells = 16

// visitorKey is where a request's context has its net.Conn.
type visitorKey struct{}

// CountSockets has a server, which is not yet serving, and the listener that is returned for it turn
// away at once whoever comes when there are Limits.Sockets already, or Limits.LoginsPerAddress of
// its address that have not logged in: also those who say nothing take a file descriptor each, and
// this process needs some to reach its neighbours. It takes the server's ConnState and ConnContext.
func (w *Websocket) CountSockets(server *http.Server, listener net.Listener) net.Listener {
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, visitorKey{}, conn)
	}
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateHijacked || state == http.StateClosed {
			w.endVisit(conn)
		}
	}
	return &door{listener, w}
}

// visitor returns the counted socket that a request came over; nil where sockets are not counted.
func visitor(r *http.Request) net.Conn {
	conn, _ := r.Context().Value(visitorKey{}).(net.Conn)
	return conn
}

// door is a listener that lets in only whom there is room for.
type door struct {
	net.Listener
	websocket *Websocket
}

// Accept returns the next one who is let in.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := peerOf(conn)
		counted := household(address)
		if isAmong(address, d.websocket.options.TrustedProxies) {
			counted = netip.Addr{} // for whom it speaks is not known yet
		}
		refusal := d.websocket.visit(conn, counted)
		if refusal == "" {
			return conn, nil
		}
		d.websocket.countRefusal(actors.ServerFull, address, refusal)
		d.websocket.turnAway(conn)
	}
}

// turnAway closes a connection with a word, which is best effort: over TLS it would take a
// handshake.
func (w *Websocket) turnAway(conn net.Conn) {
	if _, encrypted := conn.(*tls.Conn); encrypted {
		_ = conn.Close()
		return
	}
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(conn, noRoom)
	select {
	case w.farewells <- struct{}{}:
		go func() {
			sayGoodbye(conn)
			<-w.farewells
		}()
	default:
		_ = conn.Close()
	}
}

// peerOf returns the IP of a connection's other end; it is invalid for a unix socket.
func peerOf(conn net.Conn) netip.Addr {
	peer, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	return plain(peer.Addr())
}
