package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"
	"unique"

	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/errtext"
	"github.com/notifypush/notifypush/internal/logthrottle"
)

// WebsocketOptions are the settings of a Websocket.
type WebsocketOptions struct {
	// Logger is where to log; nil for nowhere.
	Logger *zap.Logger
	// TrustedProxies are those that are believed about where a request comes from: as the TCP peer, and as
	// whoever a believed one names.
	TrustedProxies []netip.Prefix `flag:"trusted-proxies" env:"TRUSTED_PROXIES" placeholder:"CIDR,..." group:"Listening" help:"Proxies whose X-Forwarded-For is believed, and no others. Otherwise those of trusted_proxies in config.php, and a TCP peer of loopback or a private range for the one address that it wrote."`
	// PrivateProxies has a TCP peer whose address is of loopback, private or of its link believed, too, for the one
	// address that it wrote. The daemon has that unless --trusted-proxies is given.
	PrivateProxies bool
	// AllowedOrigins say which web pages may connect. OnOriginRefused, unless nil, is called after a page was refused, by many goroutines;
	// it must not block.
	AllowedOrigins  AllowedOrigins `flag:"allowed-origins" scope:"instance" reload:"true" env:"ALLOWED_ORIGINS" placeholder:"HOST,..." group:"Listening" help:"Hosts whose web pages may connect, instead of the request's own host, Nextcloud's URL and its trusted_domains: hosts as there, origins like https://cloud.example.com, or * for any page. Apps are not limited."`
	OnOriginRefused func()
	Limits          Limits
	// Capacity, if not nil, is shared with other Websockets, and each has its share of it.
	Capacity *Capacity
	// Authenticate, if not nil, says who a client is by its handshake, such as by a cookie or a JWT. That client
	// sends no login, and is sent "authenticated" at once. It logs in by messages where both results are nil.
	// After ErrInvalidCredentials it is answered 401, after another error 503. It is called in the goroutine of
	// the request, and may block until the request's context ends.
	Authenticate func(*http.Request) (*actors.Identity, error)
	// Headers are the fields of a handshake that a Verifier finds in Credentials.Header, such as "Cookie", "Host"
	// or "User-Agent".
	Headers []string
	// DescribeClients keeps the address and the user agent of each client in memory, where System.Connections
	// and Hooks find them. Without it they find the address of the TCP connection's other end.
	DescribeClients bool
	// FailureKey has failed logins counted together with other servers that have the same one: see FailureNews. It is known
	// to nobody who may not log clients in.
	FailureKey []byte

	loginTimeout time.Duration // 15 s when zero
}

func (o *WebsocketOptions) proxies() proxies { return proxies{o.TrustedProxies, o.PrivateProxies} }

// needsRequest reports whether more of a handshake counts than what parseHandshake reads.
func (o *WebsocketOptions) needsRequest() bool {
	return o.Authenticate != nil || len(o.Headers) > 0
}

// maxAgent bounds what is kept of a user agent, in bytes.
const maxAgent = 120

// agent returns the beginning of a client's user agent, without what would disturb a terminal. Clients with the same one
// share its memory.
func (o *WebsocketOptions) agent(header http.Header) unique.Handle[string] {
	if !o.DescribeClients {
		return unique.Handle[string]{}
	}
	text := header.Get("User-Agent")
	return unique.Make(strings.Map(func(c rune) rune {
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, text[:min(len(text), maxAgent)]))
}

// header returns the fields of a handshake that Headers names; nil where there are none.
func (o *WebsocketOptions) header(r *http.Request) (header actors.Header) {
	for _, name := range o.Headers {
		name = http.CanonicalHeaderKey(name)
		values := r.Header[name]
		if name == "Host" {
			values = []string{r.Host}
		}
		if len(values) == 0 {
			continue
		}
		if header == nil {
			header = actors.Header{}
		}
		header[name] = slices.Clone(values)
	}
	return header
}

// loginTimeout is how long a client may take to send its user name and password; clients are used to this.
const loginTimeout = 15 * time.Second

// Websocket is the handler of websocket handshakes: it logs clients in, and makes each a
// connection of the actor system.
//
// All methods are safe for concurrent use. Close must be called, also where nothing was served. When
// sockets cannot be read any more, Failed says so, and the Websocket is of no use.
type Websocket struct {
	// set once
	system  *actors.System
	options WebsocketOptions
	log     *zap.Logger
	poller  *poller // of all Websockets; nil where there is none
	refused *logthrottle.Line
	hold    func() time.Duration // how long a refused client is held
	failed  chan error
	reading atomic.Bool                        // the poller reads sockets of this one
	route   func(host, path string) *Websocket // of VirtualHosts; nil elsewhere

	origins atomic.Pointer[originRules]
	foreign *logthrottle.Line
	full    *logthrottle.Line // no descriptor is left

	admission
	rateLimit  loginRateLimit
	gateways   gatewayLog
	held       closer // refused clients
	turnedAway closer // connections refused unread
	closing    sync.Once
}

// NewWebsocket returns a handler that serves the system's clients. Close ends it.
func NewWebsocket(system *actors.System, options WebsocketOptions) (*Websocket, error) {
	if options.loginTimeout == 0 {
		options.loginTimeout = loginTimeout
	}
	if options.Logger == nil {
		options.Logger = zap.NewNop()
	}
	if system == nil {
		return nil, errors.New("transport: NewWebsocket needs a System")
	}
	if l := options.Limits; min(l.Connections, l.Logins, l.LoginsPerAddress, l.Sockets) < 0 {
		return nil, fmt.Errorf("transport: Limits are %+v; none may be negative, and 0 is no limit", l)
	}
	p, err := usePoller()
	if err != nil {
		return nil, err
	}
	w := newWebsocket(system, options, p)
	return w, nil
}

func newWebsocket(system *actors.System, options WebsocketOptions, p *poller) *Websocket {
	w := &Websocket{
		system:     system,
		options:    options,
		log:        options.Logger,
		poller:     p,
		foreign:    logthrottle.New(options.Logger, foreignInterval, "a web page that may be another site's connects", ""),
		full:       logthrottle.New(options.Logger, time.Minute, "cannot accept connections", ""),
		refused:    logthrottle.New(options.Logger, time.Second, "login refused", "reason"),
		hold:       holdTime,
		failed:     make(chan error, 1),
		admission:  newAdmission(options.Limits, options.Capacity),
		held:       closer{max: maxHeld, maxOfKey: maxHeldOfKey, capacity: options.Capacity},
		turnedAway: closer{max: maxTurnedAway, maxOfKey: maxTurnedAwayOfKey, capacity: options.Capacity},
	}
	w.rateLimit.hasher = newHasher(options.FailureKey)
	w.SetAllowedOrigins(options.AllowedOrigins)
	return w
}

// startReading has the poller read, with the first socket that it can read: a goroutine that waits in the kernel would keep a
// bubble of testing/synctest, whose connections are in memory, from ever being idle.
func (w *Websocket) startReading() {
	if w.reading.CompareAndSwap(false, true) {
		w.poller.readFor(w)
	}
}

// Failed returns a channel that receives an error when sockets cannot be read any more: clients would be
// connected and hear nothing. The process should end then.
func (w *Websocket) Failed() <-chan error { return w.failed }

// Probe returns an error when the goroutine that reads sockets makes no progress until ctx ends.
func (w *Websocket) Probe(ctx context.Context) error {
	if !w.reading.Load() {
		return nil
	}
	return w.poller.probe(ctx)
}

// EndLogins ends logins that are in progress, and those that come: Nextcloud need not judge a client that is
// sent away afterwards.
func (w *Websocket) EndLogins() { w.endLogins() }

// Close ends logins that are in progress, and waits until all sockets are gone. The system must have been
// shut down, or no new handshakes must come. A second call waits for the first.
func (w *Websocket) Close() {
	w.closing.Do(func() {
		w.endLogins()
		w.endPending()
		w.held.close()
		w.turnedAway.close()
		w.waitForEnds()
		if w.poller != nil {
			w.poller.release(w)
		}
	})
}

// ServeHTTP makes a websocket of the request, and returns; the login goes on without it, so that
// the request, its headers and the stack that they took can be collected.
func (w *Websocket) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	from := originOf(r.Header, peer.Addr(), w.options.proxies())
	if fault := refuseInvalidHandshake(rw, r); fault != "" {
		w.countRefusal(actors.HandshakeInvalid, from, fault)
		return
	}
	admitted, isNull := w.admitsOrigin(r.Header, r.Host, peer.Addr())
	if from.nullOrigin = isNull; !admitted {
		w.refuseOrigin(rw, r, from)
		return
	}
	who, ok := w.authenticate(rw, r, from)
	if !ok {
		return
	}
	conn, early, err := hijack(rw)
	if err != nil {
		w.countRefusal(actors.HandshakeInvalid, from, err.Error())
		http.Error(rw, "this connection cannot become a websocket", http.StatusNotImplemented)
		return
	}
	socket, err := newClientSocket(w, conn)
	if err != nil {
		w.countRefusal(actors.ServerFull, from, err.Error())
		return
	}
	l := newLogin(w, socket, awaitsRequest, w.options.loginTimeout)
	l.peer, l.from, l.who, l.header, l.agent = peer.Addr(), from, who, w.options.header(r), w.options.agent(r.Header)
	l.values = context.WithoutCancel(r.Context())
	l.start(r.Header.Get("Sec-WebSocket-Key"), early)
}

// refuseOrigin refuses the page of another site.
func (w *Websocket) refuseOrigin(rw http.ResponseWriter, r *http.Request, from origin) {
	w.countRefusal(actors.OriginRefused, from, originFault(r.Header))
	if w.options.OnOriginRefused != nil {
		w.options.OnOriginRefused()
	}
	rw.Header().Set("Connection", "close")
	http.Error(rw, textOriginRefused, http.StatusForbidden)
}

// authenticate asks the host who a client is; nil where the client logs in by messages. A client that is refused
// is answered, and ok is false.
func (w *Websocket) authenticate(rw http.ResponseWriter, r *http.Request, from origin) (who *actors.Login, ok bool) {
	if w.options.Authenticate == nil {
		return nil, true
	}
	try := newAttempt(w.rateLimit.hasher, from, "")
	if wait := w.rateLimit.wait(try.own, time.Now()); wait > 0 {
		w.countRefusal(actors.AddressThrottled, from, errThrottled.Error())
		rw.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		http.Error(rw, errThrottled.Error(), http.StatusTooManyRequests)
		return nil, false
	}
	identity, err := w.options.Authenticate(r)
	if identity != nil && identity.User == "" && err == nil {
		err = errNoUser
	}
	switch {
	case errors.Is(err, actors.ErrInvalidCredentials):
		w.rateLimit.refused(try, time.Now())
		w.countRefusal(actors.InvalidCredentials, from, errtext.Detail(err))
		http.Error(rw, "invalid credentials", http.StatusUnauthorized)
		return nil, false
	case err != nil:
		w.countRefusal(actors.InternalFailure, from, errtext.Detail(err))
		rw.Header().Set("Retry-After", retryAfter)
		http.Error(rw, "who this is cannot be found out now", http.StatusServiceUnavailable)
		return nil, false
	case identity == nil:
		return nil, true
	default:
		return &actors.Login{Identity: *identity}, true
	}
}

var errNoUser = errors.New("WebsocketOptions.Authenticate returned an Identity without a User")

// hijack takes a connection over from net/http, with what that had read already: a fast client's first frames.
func hijack(rw http.ResponseWriter) (conn net.Conn, early []byte, err error) {
	conn, buffers, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return nil, nil, err
	}
	peeked, _ := buffers.Peek(buffers.Reader.Buffered())
	early = append([]byte(nil), peeked...)
	if handed, ok := conn.(*handedOver); ok {
		return handed.Conn, append(early, handed.data...), nil
	}
	return conn, early, nil
}

// readHandshake reads what a client has sent. It returns the handshake's size, and the Websocket that it is for; 0 where it is none that
// can be answered at once: net/http knows better then.
func (w *Websocket) readHandshake(data []byte, header http.Header, peer netip.Addr) (size int, to *Websocket, nullOrigin bool) {
	if w.options.needsRequest() {
		return 0, nil, false
	}
	size, path := parseHandshake(data, header)
	if size == 0 {
		return 0, nil, false
	}
	host := header["Host"][0]
	if w.route != nil {
		if w = w.route(host, string(path)); w == nil || w.options.needsRequest() {
			return 0, nil, false
		}
	}
	admitted, nullOrigin := w.admitsOrigin(header, host, peer)
	if !admitted {
		return 0, nil, false // ServeHTTP refuses it
	}
	return size, w, nullOrigin
}

// logPanic says that a panic ended one connection.
func (w *Websocket) logPanic(task string, cause any) {
	w.log.Error("connection failed", zap.String("task", task), zap.Any("reason", cause), zap.ByteString("stack", debug.Stack()))
}

// countRefusal counts a client that isn't let in, and logs it.
func (w *Websocket) countRefusal(reason actors.CloseReason, from origin, detail string) {
	if w.system != nil {
		w.system.CountRefusal(reason)
	}
	if isAbandoned(reason) && !w.log.Core().Enabled(zap.DebugLevel) {
		return
	}
	aside(func() { w.logRefusal(reason, from, detail) })
}

// isAbandoned reports whether a login ended so because nobody wanted it any more.
func isAbandoned(reason actors.CloseReason) bool {
	switch reason {
	case actors.ClosedByClient, actors.ConnectionLost, actors.ShuttingDown, actors.Drained:
		return true
	default:
		return false
	}
}

// maxAside bounds the lines that are being logged aside. With a log that blocks there would be one for each refusal.
const maxAside = 256

var logging = make(chan struct{}, maxAside)

// aside logs in a goroutine of its own: a log may block, and the poller, which reads all requests, must not. What would be one line too
// many is dropped. That a log panics can be told to nobody.
func aside(log func()) {
	select {
	case logging <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() {
			_ = recover()
			<-logging
		}()
		log()
	}()
}

// logRefusal warns of a client that isn't let in, where an operator may have to do something about it.
func (w *Websocket) logRefusal(reason actors.CloseReason, from origin, detail string) {
	fields := []zap.Field{from.field(), zap.String("error", detail)}
	if isAbandoned(reason) {
		w.log.Debug("login abandoned", append(fields, zap.Stringer("reason", reason))...)
		return
	}
	w.gateways.name(w.log, from)
	w.refused.Warn(reason.String(), fields...)
}

var (
	errThrottled       = errors.New("too many failed logins")
	errSharedThrottled = fmt.Errorf("%w of this user name, or behind this gateway", errThrottled)
)
