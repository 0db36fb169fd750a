package transport

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/logthrottle"
	"github.com/notifypush/notifypush/transport/frame"
	"go.uber.org/zap"
)

// WebsocketOptions are the settings of a Websocket.
type WebsocketOptions struct {
	// Logger is where to log; nil for nowhere.
	Logger *zap.Logger
	// TrustedProxies are those whose word is taken for a client's address.
	TrustedProxies []netip.Prefix `flag:"trusted-proxies" env:"TRUSTED_PROXIES" default:"127.0.0.0/8,::1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,fc00::/7,fe80::/10" placeholder:"CIDR,..." group:"Listening" help:"Peers whose X-Forwarded-For is believed when unauthenticated clients are counted. The default is loopback and the private ranges."`
	Limits         Limits

	loginTimeout time.Duration // 15 s when zero
}

// loginTimeout is how long a client may take to send its user name and password; clients are used to this.
const loginTimeout = 15 * time.Second

// Websocket is the handler of websocket handshakes: it logs clients in, and makes each a
// connection of the actor system.
type Websocket struct {
	system  *actors.System
	options WebsocketOptions
	log     *zap.Logger
	poller  *poller
	admission
	penalties penalties
	farewells chan struct{} // has something in it for each one that is being turned away
	refused   *logthrottle.Line

	ctx     context.Context // of the logins
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// NewWebsocket returns a handler that serves the system's clients. Close ends it.
func NewWebsocket(system *actors.System, options WebsocketOptions) (*Websocket, error) {
	if options.loginTimeout == 0 {
		options.loginTimeout = loginTimeout
	}
	if options.Logger == nil {
		options.Logger = zap.NewNop()
	}
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	w := &Websocket{
		system:    system,
		options:   options,
		log:       options.Logger,
		poller:    p,
		admission: admission{limits: options.Limits, visitors: map[net.Conn]netip.Addr{}, strangers: map[netip.Addr]int{}},
		farewells: make(chan struct{}, maxFarewells),
		refused:   logthrottle.New(options.Logger, time.Second, "login refused", "reason"),
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	if p != nil {
		w.running.Go(p.run)
	}
	return w, nil
}

// EndLogins ends logins that are under way, and those that come: Nextcloud need not judge who is sent
// away afterwards.
func (w *Websocket) EndLogins() { w.cancel() }

// Close ends logins that are under way, and waits until all sockets are gone. The system must
// have been shut down, or no new handshakes must come.
func (w *Websocket) Close() {
	w.cancel()
	for range maxFarewells {
		w.farewells <- struct{}{}
	}
	w.sockets.Wait()
	if w.poller != nil {
		w.poller.close()
	}
	w.running.Wait()
}

// ServeHTTP makes a websocket of the request, and returns; the login goes on in a goroutine of its
// own, so that the request, its headers and the stack that they took can be collected.
func (w *Websocket) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	client := ClientAddress(r, w.options.TrustedProxies)
	proxy := w.isProxy(client, r)
	address := household(client)
	if missing := refuseInvalidHandshake(rw, r); missing != "" {
		w.countRefusal(actors.HandshakeInvalid, client, missing+" is missing")
		return
	}
	if wait := w.penalties.wait(address, time.Now()); wait > 0 && !proxy {
		w.countRefusal(actors.AddressBarred, client, errBarred.Error())
		sendAway(rw, http.StatusTooManyRequests, strconv.Itoa(int(wait/time.Second)+1), errBarred.Error())
		return
	}
	if reason := w.admit(visitor(r), address, proxy); reason != "" {
		w.countRefusal(actors.ServerFull, client, reason)
		sendAway(rw, http.StatusServiceUnavailable, retryAfter, reason)
		return
	}
	rw.Header().Set("Connection", "close") // after a handshake that fails: who has been admitted counts as a visitor no more
	takeover := &takeover{ResponseWriter: rw}
	handshake, err := websocket.Accept(takeover, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // of the origin: every origin may connect, for the login protects
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		w.leaveLogin(address)
		w.leave()
		w.countRefusal(actors.HandshakeInvalid, client, err.Error())
		return
	}
	_ = handshake.CloseNow() // frees the library's connection, which its finalizer would keep for ever
	l := &login{
		websocket: w,
		conn:      takeover.conn,
		early:     takeover.buffered,
		client:    client,
		address:   address,
		proxy:     proxy,
		forwarded: Forwarded(r),
		reader:    frame.Reader{Limit: readLimitBeforeLogin},
	}
	go l.run()
}

// sendAway refuses a handshake. Who is refused must not keep the connection.
func sendAway(rw http.ResponseWriter, status int, retryAfter, reason string) {
	rw.Header().Set("Retry-After", retryAfter)
	rw.Header().Set("Connection", "close")
	http.Error(rw, reason, status)
}

// household returns what limits count as one address: of IPv6, the /64 that a subscriber has.
func household(address netip.Addr) netip.Addr {
	if !address.Is6() {
		return address
	}
	prefix, _ := address.Prefix(64)
	return prefix.Addr()
}

// isProxy reports whether an address is that of a proxy which does not say for whom it speaks.
func (w *Websocket) isProxy(address netip.Addr, r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return !address.IsValid() // a unix socket
	}
	return address == plain(peer.Addr()) && isAmong(address, w.options.TrustedProxies)
}

// takeover hands the websocket library a connection that it can do nothing to: the library does
// the handshake, and everything after it is ours.
type takeover struct {
	http.ResponseWriter
	conn     net.Conn
	buffered []byte // what the HTTP server had read already: a fast client's first frames
}

// Hijack takes the connection over from the HTTP server.
func (t *takeover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if n := buffers.Reader.Buffered(); n > 0 {
		peeked, _ := buffers.Peek(n)
		t.buffered = append([]byte(nil), peeked...)
	}
	t.conn = conn
	return noConn{}, bufio.NewReadWriter(bufio.NewReaderSize(noConn{}, 1), bufio.NewWriterSize(noConn{}, 1)), nil
}

// noConn is a connection of which nothing comes and into which nothing goes.
type noConn struct{ net.Conn }

func (noConn) Read([]byte) (int, error)  { return 0, net.ErrClosed }
func (noConn) Write([]byte) (int, error) { return 0, net.ErrClosed }
func (noConn) Close() error              { return nil }
