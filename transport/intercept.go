package transport

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/notifypush/notifypush/actors"
)

// noRoom is the response to a connection that is refused before anything was read.
const noRoom = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: " + retryAfter + "\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

const (
	// headerTimeout is how long a client may take to send the header of a request.
	headerTimeout = 10 * time.Second
	// readBuffer is what is read of a client at once before it has logged in, in bytes.
	readBuffer = 4 << 10
)

// connKey is where a request's context has its net.Conn.
type connKey struct{}

// Intercept answers the websocket handshakes that come over a listener, without the costs of net/http. The
// listener that it returns is the server's, which is not yet serving: over it come the connections with all
// other requests. It takes the server's ConnState and ConnContext.
//
// A connection is refused at once when there are Limits.Sockets already, or Limits.LoginsPerAddress of its
// address that have not logged in: also those that send nothing take a file descriptor each, and this
// process needs some to reach what it depends on.
func (w *Websocket) Intercept(server *http.Server, listener net.Listener) net.Listener {
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn)
	}
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateHijacked || state == http.StateClosed {
			w.gone(unwrap(conn))
		}
	}
	i := &interceptor{Listener: listener, websocket: w, others: make(chan net.Conn), failed: make(chan error), done: make(chan struct{})}
	return i
}

// interceptor is a listener of connections that are no websockets. All methods are safe for concurrent use.
type interceptor struct {
	net.Listener
	websocket *Websocket
	others    chan net.Conn
	failed    chan error
	start     sync.Once
	stop      sync.Once
	done      chan struct{}
}

// Accept returns the next connection with another request than a handshake.
func (i *interceptor) Accept() (net.Conn, error) {
	i.start.Do(func() { go i.run() })
	select {
	case conn := <-i.others:
		return conn, nil
	case err := <-i.failed:
		return nil, err
	case <-i.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept, and closes the connections that have sent nothing yet.
func (i *interceptor) Close() error {
	err := i.Listener.Close()
	i.stop.Do(func() {
		close(i.done)
		i.websocket.closePending()
	})
	return err
}

// run accepts connections until Close. What goes wrong is Accept's error, which may be called again.
func (i *interceptor) run() {
	w := i.websocket
	for {
		conn, err := i.Listener.Accept()
		if err != nil {
			select {
			case i.failed <- err:
				continue
			case <-i.done:
				return
			}
		}
		peer := peerOf(conn)
		from := originOf(nil, peer, w.options.proxies())
		if refusal := w.accept(conn, from); refusal != "" {
			w.countRefusal(actors.ServerFull, from, refusal)
			w.turnAway(conn, from)
			continue
		}
		select {
		case <-i.done:
			w.gone(conn)
			_ = conn.Close()
			return
		default:
		}
		w.workers.run(task{w: w, conn: conn, peer: peer, from: i})
	}
}

// turnAway closes a connection with a response, which is best effort: over TLS it would take a handshake.
func (w *Websocket) turnAway(conn net.Conn, from origin) {
	if _, encrypted := conn.(*tls.Conn); encrypted {
		_ = conn.Close()
		return
	}
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(conn, noRoom)
	w.turnedAway.end(conn, addressKey(from), 0, func() {})
}

// handOver hands a connection to net/http, with what was read of it.
func (i *interceptor) handOver(conn net.Conn, data []byte, until time.Time) {
	i.websocket.handOver(conn)
	handed := &handedOver{Conn: conn, data: append([]byte(nil), data...), until: until}
	select {
	case i.others <- handed:
	case <-i.done:
		i.websocket.gone(conn)
		_ = conn.Close()
	}
}

// handedOver is a connection of which something was read already.
type handedOver struct {
	net.Conn
	data  []byte
	until time.Time // when the header that has begun must be there; zero once net/http knows
}

// Read returns what was read first.
func (c *handedOver) Read(into []byte) (int, error) {
	if len(c.data) == 0 {
		return c.Conn.Read(into)
	}
	n := copy(into, c.data)
	c.data = c.data[n:]
	return n, nil
}

// SetReadDeadline sets the deadline; the first one is that of the header, which began earlier.
func (c *handedOver) SetReadDeadline(t time.Time) error {
	if !c.until.IsZero() && t.After(c.until) {
		t = c.until
	}
	c.until = time.Time{}
	return c.Conn.SetReadDeadline(t)
}

// CloseWrite closes the sending half, where there is one.
func (c *handedOver) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// unwrap returns the connection that the listener accepted.
func unwrap(conn net.Conn) net.Conn {
	if handed, ok := conn.(*handedOver); ok {
		return handed.Conn
	}
	return conn
}

// peerOf returns the IP of a connection's other end; it is invalid for a unix socket.
func peerOf(conn net.Conn) netip.Addr {
	switch address := conn.RemoteAddr().(type) {
	case *net.TCPAddr:
		return plain(address.AddrPort().Addr())
	default:
		return netip.Addr{}
	}
}
