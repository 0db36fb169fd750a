package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/notifypush/notifypush/actors"
	"go.uber.org/zap"
)

// noRoom is the response to a connection that is refused before anything was read.
const noRoom = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: " + retryAfter + "\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

// headerTimeout is how long a client may take to send the header of a request.
const headerTimeout = 10 * time.Second

// connKey is where a request's context has its net.Conn.
type connKey struct{}

// Intercept answers the websocket handshakes that come over a listener, without the costs of net/http. The
// listener that it returns is the server's, which is not yet serving: over it come the connections with all
// other requests. It takes the server's ConnState and ConnContext.
//
// The listener that it returns is to be closed, as net/http does: on Linux the other one, closed alone, does not end Accept.
// On Linux, connections that it accepts of a listener with SO_LINGER and a time lose that setting, because closing one would hold up all
// others; it must have been set before.
//
// A connection is refused at once when there are Limits.Sockets already, or Limits.LoginsPerAddress of its
// address that have not logged in: also those that send nothing take a file descriptor each, and this
// process needs some to reach what it depends on.
func (w *Websocket) Intercept(server *http.Server, listener net.Listener) net.Listener {
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn)
	}
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if handed, ok := conn.(*handedOver); ok && (state == http.StateHijacked || state == http.StateClosed) {
			w.gone(handed.login)
		}
	}
	i := &interceptor{Listener: listener, websocket: w, others: make(chan net.Conn), failed: make(chan error, 1), done: make(chan struct{})}
	i.acceptor = i.newAcceptor()
	return i
}

// interceptor is a listener of connections that are no websockets. All methods are safe for concurrent use.
type interceptor struct {
	net.Listener
	websocket *Websocket
	acceptor  acceptor
	others    chan net.Conn // net/http's
	failed    chan error
	stop      sync.Once
	done      chan struct{}
}

// acceptor gives the connections of a listener to interceptor.begin, and an error to interceptor.failed. Its methods are safe for
// concurrent use.
type acceptor interface {
	start() // may be called again, and must be after an error
	stop()  // leaves the listener open
}

// Accept returns the next connection with another request than a handshake.
func (i *interceptor) Accept() (net.Conn, error) {
	i.acceptor.start()
	select {
	case conn := <-i.others:
		return conn, nil
	case err := <-i.failed:
		i.websocket.logUnaccepted(err)
		return nil, err
	case <-i.done:
		return nil, net.ErrClosed
	}
}

// logUnaccepted warns where clients are kept out until something changes. net/http logs what else is wrong with a listener.
func (w *Websocket) logUnaccepted(err error) {
	var advice string
	switch {
	case errors.Is(err, syscall.EMFILE):
		advice = "raise the limit of open files of this process (LimitNOFILE of the unit, ulimit -n), or lower --max-connections"
	case errors.Is(err, syscall.ENFILE):
		advice = "raise fs.file-max of the machine"
	default:
		return
	}
	aside(func() { w.full.Warn("", zap.Error(err), zap.String("advice", advice)) })
}

// Close ends Accept, and closes the connections that have sent nothing yet.
func (i *interceptor) Close() error {
	i.acceptor.stop()
	err := i.Listener.Close()
	i.stop.Do(func() {
		close(i.done)
		i.websocket.endPending()
	})
	return err
}

// fail has Accept return an error, unless one waits already.
func (i *interceptor) fail(err error) {
	select {
	case i.failed <- err:
	default:
	}
}

// goroutineAcceptor accepts in a goroutine of its own, until the listener is closed.
type goroutineAcceptor struct {
	i       *interceptor
	started sync.Once
}

func (a *goroutineAcceptor) start() { a.started.Do(func() { go a.i.run() }) }

func (a *goroutineAcceptor) stop() {}

// run accepts connections until Close. What goes wrong is Accept's error, which may be called again.
func (i *interceptor) run() {
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
		if socket, err := newClientSocket(i.websocket, conn); err == nil {
			i.begin(socket, peerOf(conn))
		}
	}
}

// begin has a client say what it wants, or refuses it.
func (i *interceptor) begin(socket clientSocket, peer netip.Addr) {
	w := i.websocket
	l := newLogin(w, socket, awaitsRequest, headerTimeout)
	l.accepted, l.peer = i, peer
	from := originOfPeer(peer, w.options.proxies())
	if refusal := w.accept(l, from); refusal != "" {
		l.timer.Stop()
		w.countRefusal(actors.ServerFull, from, refusal)
		w.turnAway(socket, from)
		return
	}
	socket.startReading()
	select {
	case <-i.done:
		l.end()
	default:
	}
}

// turnAway closes a connection with a response, which is best effort: over TLS it would take a handshake.
func (w *Websocket) turnAway(s clientSocket, from origin) {
	if s, blocking := s.(*socket); blocking && s.isEncrypted() {
		s.closeDrained()
		return
	}
	_ = s.send([]byte(noRoom))
	w.turnedAway.end(s, addressKey(from), 0, func() {})
}

// handOver hands a connection to net/http.
func (i *interceptor) handOver(conn *handedOver) {
	select {
	case i.others <- conn:
	case <-i.done:
		i.websocket.gone(conn.login)
		_ = conn.Close()
	}
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
