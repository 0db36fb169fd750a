package transport

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/errtext"
	"github.com/notifypush/notifypush/transport/frame"
	"go.uber.org/zap"
)

const (
	// maxEarly bounds the messages that a client may send before it is logged in, in bytes: two for
	// the login, and what it listens for, which with a page of Nextcloud are many. frameCost is what
	// one costs beside its text.
	maxEarly  = 16 << 10
	frameCost = 64
)

// What a client is sent when it isn't let in; the words are part of the protocol.
const (
	textInvalidCredentials = "err: Invalid credentials" //nolint:gosec // G101: a message to clients, no credentials
	textInvalidMessage     = "err: Invalid authentication message"
	textLoginTimeout       = "Authentication timeout"
	textTooMany            = "Connection limit exceeded for user"
	textNotVerified        = "err: Error while sending authentication request to nextcloud: "
)

var (
	errInternal = errors.New("internal failure")
	errNotText  = errors.New("a text message was due")
	errHungUp   = errors.New("the client closed the connection")
	errTooEarly = errors.New("the client sends too much before it is logged in")
)

// verifyError is what went wrong when Nextcloud was asked, and not with the client.
type verifyError struct{ error }

func (e *verifyError) Unwrap() error { return e.error }

// Detail returns the words for the operator.
func (e *verifyError) Detail() string { return errtext.Detail(e.error) }

// stage is how far a login has come.
type stage uint8

const (
	awaitsRequest     stage = iota // it has sent nothing
	awaitsCredentials              // the handshake is done
	isChecked                      // the system finds out who it is
	isAttached                     // the system makes it a connection
	isOver                         // the socket is the system's, or net/http's, or ends
)

// login is a client that has to say who it is, from the first byte on. It reads the request, the user name and the password, has them
// checked, and either hands the socket over to the actor system or says why not and ends the connection.
//
// It is a state machine without a goroutine: its events are received, expired, judged, attached and end, which may come from any goroutine.
// None of them waits: neither for the client nor for the system.
type login struct {
	// set once
	socket   clientSocket
	accepted *interceptor // nil where a host's server accepted it
	peer     netip.Addr
	who      *actors.Login // known by the handshake; nil where the client says who it is
	header   actors.Header
	values   context.Context // has the values of the handshake's context

	decided atomic.Bool // it was this login's turn to be asked about, or it was answered

	mu        sync.Mutex // guards the rest
	websocket *Websocket // that of VirtualHosts until the request has said which is meant
	stage     stage
	served    bool // it is over because the socket is the system's
	timer     *time.Timer
	due       time.Time // when timer is; it may have fired for an earlier time
	from      origin
	agent     unique.Handle[string] // with WebsocketOptions.DescribeClients
	reader    frame.Reader
	broken    error         // that ended reading while it was attached
	frames    []frame.Frame // beyond the credentials
	size      int           // of all frames that were read
	user      string        // that it says to be, then that it is
	named     bool
	try       attempt
	abandon   func() // tells the system that nobody waits; nil unless it is checked
}

// newLogin returns the login of a client that has so much time for what is due next.
func newLogin(w *Websocket, socket clientSocket, stage stage, within time.Duration) *login {
	l := &login{
		websocket: w, socket: socket, stage: stage, values: context.Background(), reader: frame.Reader{Limit: readLimitBeforeLogin},
		due: time.Now().Add(within),
	}
	socket.assign(l)
	l.timer = time.AfterFunc(within, l.expired)
	return l
}

// start begins with the answer to a handshake that a host's server has read, and what came behind it.
func (l *login) start(handshakeKey string, early []byte) {
	if then := l.startLocked(handshakeKey, early); then != nil {
		then()
	}
}

func (l *login) startLocked(handshakeKey string, early []byte) (then func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if then = l.upgrade(handshakeKey, nil, early); l.stage != isOver {
		l.socket.startReading()
	}
	return then
}

// within has expired called after that time.
func (l *login) within(d time.Duration) {
	l.due = time.Now().Add(d)
	l.timer.Reset(d)
}

// received takes bytes, or the error that ended reading. It reports false where the login is over, and both are the system's.
func (l *login) received(data []byte, err error) (taken bool) {
	then, taken := l.take(data, err)
	if then != nil {
		then()
	}
	return taken
}

// take returns what is to be done next, without the lock.
func (l *login) take(data []byte, err error) (then func(), taken bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.served {
		return nil, false
	}
	defer clear(data) // it may be the password
	switch {
	case l.stage == isOver, l.broken != nil:
	case err != nil:
		l.lost(err)
	case l.stage == awaitsRequest:
		then = l.onRequest(data)
	default:
		then = l.onBytes(data)
	}
	return then, true
}

// lost is that nothing can be read any more.
func (l *login) lost(err error) {
	switch l.stage {
	case awaitsRequest:
		l.over()
		l.socket.closeDrained()
		l.websocket.gone(l)
	case awaitsCredentials, isChecked:
		l.refuse(err)
	case isAttached: // the system hears it
		l.broken = err
		l.socket.pause()
	case isOver:
	}
}

// onRequest reads the first bytes of a client, and answers them if they are a handshake; any other request is net/http's.
func (l *login) onRequest(data []byte) (then func()) {
	scratch := handshakes.Get().(*handshake)
	defer handshakes.Put(scratch)
	size, w, nullOrigin := l.websocket.readHandshake(data, scratch.header, l.peer)
	if size == 0 {
		l.handOver(data)
		return nil
	}
	if w != l.websocket {
		l.websocket.gone(l) // it counts for the other one from now on
		l.websocket = w
		l.socket.moveTo(w)
	}
	l.from = originOf(scratch.header, l.peer, w.options.proxies())
	l.from.nullOrigin = nullOrigin
	l.agent = w.options.agent(scratch.header)
	return l.upgrade(scratch.header["Sec-Websocket-Key"][0], scratch.response[:0], data[size:])
}

// handOver hands the socket to net/http, with what was read of it.
func (l *login) handOver(data []byte) {
	w := l.websocket
	w.handOver(l)
	l.over()
	conn, err := l.socket.release()
	if err != nil {
		w.gone(l)
		return
	}
	handed := &handedOver{Conn: conn, login: l, data: append([]byte(nil), data...), until: l.due}
	go l.accepted.handOver(handed)
}

// upgrade answers a valid handshake, and goes on with what came behind it. response is a buffer.
func (l *login) upgrade(handshakeKey string, response, early []byte) (then func()) {
	w := l.websocket
	key := newAttempt(w.rateLimit.hasher, l.from, "").own
	if wait := w.rateLimit.wait(key, time.Now()); wait > 0 {
		w.attribute(l, l.from)
		l.turnDown(actors.AddressThrottled, appendRefusal(response, http.StatusTooManyRequests, strconv.Itoa(int(wait/time.Second)+1), errThrottled.Error()), errThrottled.Error())
		w.held.end(l.socket, key, w.hold(), func() { w.gone(l) })
		return nil
	}
	var refusal string
	reason := actors.Drained
	if w.system.IsDrained() { // proxies take a 503 to another server
		w.gone(l)
		refusal = actors.ErrDrained.Error()
	} else {
		reason, refusal = actors.ServerFull, w.admit(l, l.from)
	}
	if refusal != "" {
		l.turnDown(reason, appendRefusal(response, http.StatusServiceUnavailable, retryAfter, refusal), refusal)
		w.turnedAway.end(l.socket, addressKey(l.from), 0, func() {})
		return nil
	}
	l.stage = awaitsCredentials
	switch {
	case l.socket.send(appendSwitching(response, handshakeKey)) != nil:
		l.refuse(errHungUp)
		return nil
	case w.loginsEnded():
		l.refuse(actors.ErrShutDown)
		return nil
	}
	l.within(w.options.loginTimeout)
	if l.who == nil {
		return l.onBytes(early)
	}
	l.stage = isChecked
	l.timer.Stop()
	_ = l.onBytes(early)
	return func() { l.judged(l.who, nil) }
}

// turnDown answers a handshake with an error of HTTP.
func (l *login) turnDown(reason actors.CloseReason, response []byte, detail string) {
	l.over()
	l.websocket.countRefusal(reason, l.from, detail)
	_ = l.socket.send(response)
}

// onBytes takes what came after the handshake.
func (l *login) onBytes(data []byte) (then func()) {
	frames, err := l.reader.Feed(data)
	for _, f := range frames {
		switch {
		case f.Opcode == frame.Text, f.Opcode == frame.Binary, l.stage == isAttached:
			l.frames = append(l.frames, f)
			l.size += frameCost + len(f.Payload)
		case f.Opcode == frame.Close:
			err = errHungUp
		case f.Opcode == frame.Ping && l.socket.send(frame.Append(nil, frame.Pong, string(f.Payload))) != nil:
			err = errHungUp
		}
	}
	if l.size > maxEarly {
		err = errTooEarly
	}
	if err == nil && l.stage == awaitsCredentials {
		err = l.readCredentials(&then)
	}
	if err != nil {
		l.lost(err)
		return nil
	}
	return then
}

// readCredentials reads the two messages as far as they are there, and then has them checked.
func (l *login) readCredentials(then *func()) error {
	for len(l.frames) > 0 {
		f := l.frames[0]
		l.frames = l.frames[1:]
		if f.Opcode == frame.Binary {
			return errNotText
		}
		text := strings.TrimSpace(string(f.Payload))
		clear(f.Payload)
		if !l.named {
			l.user, l.named = text, true
			continue
		}
		l.stage = isChecked
		l.timer.Stop()
		l.try = newAttempt(l.websocket.rateLimit.hasher, l.from, l.user)
		credentials := actors.Credentials{Login: l.user, Password: actors.Secret(text), Forwarded: l.from.forwarded, Origin: l.fairOrigin(), Gateway: l.from.gateway,
			Address: l.from.address(), Header: l.header}
		*then = func() { l.check(credentials) }
		return nil
	}
	return nil
}

// fairOrigin is what logins have in common that come from one place; "" where that is not known.
func (l *login) fairOrigin() string {
	if !l.from.client.IsValid() {
		return ""
	}
	return limitAddress(l.from.client).String()
}

// check has the credentials checked, unless the rate limit makes them wait.
func (l *login) check(credentials actors.Credentials) {
	w, try := l.websocket, l.try
	lockedOut, err := w.rateLimit.begin(try, time.Now())
	if err != nil {
		l.decided.Store(true)
		l.judged(nil, err)
		return
	}
	credentials.Fresh = lockedOut
	credentials.MayAsk = func() error {
		if !l.decided.CompareAndSwap(false, true) {
			return errHungUp
		}
		if try.own.strict { // it is the only one
			return nil
		}
		_, err := w.rateLimit.begin(try, time.Now()) // others from there may have been refused since
		return err
	}
	credentials.OnAnswer = func(err error) {
		l.decided.Store(true)
		w.noteAnswer(try, lockedOut && try.pair != 0, err) // about a token Nextcloud is not asked
	}
	l.setAbandon(w.system.AuthenticateFunc(l.values, credentials, l.judged))
}

func (l *login) setAbandon(abandon func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.stage {
	case isChecked:
		l.abandon = abandon
	case isOver:
		l.giveUp(abandon)
	case awaitsRequest, awaitsCredentials, isAttached: // it is answered
	}
}

// giveUp is that nobody waits for the answer any more. A login that was not asked about does not count for the rate limit.
func (l *login) giveUp(abandon func()) {
	abandon()
	l.release()
}

func (l *login) release() {
	if l.decided.CompareAndSwap(false, true) {
		l.websocket.rateLimit.release(l.try)
	}
}

// noteAnswer counts what became of a login for the rate limit, whether or not the client has waited for it.
// judged says that Nextcloud was asked, in any case.
func (w *Websocket) noteAnswer(try attempt, judged bool, err error) {
	switch {
	case err == nil:
		w.rateLimit.succeeded(try, judged, time.Now())
	case errors.Is(err, actors.ErrTokenUnheard):
		w.rateLimit.release(try)
	case errors.Is(err, actors.ErrThrottled):
		w.rateLimit.notJudged(try, time.Now())
	case errors.Is(err, actors.ErrInvalidCredentials):
		w.rateLimit.refused(try, time.Now())
	default:
		w.rateLimit.release(try)
	}
}

// judged is that the system has found out who the client is, or why not.
func (l *login) judged(who *actors.Login, err error) {
	defer l.guard()
	if l.accepts(who, err) {
		l.websocket.system.AttachFunc(who, l.asSocket(), l.attached)
	}
}

// accepts reports whether the client is to be attached.
func (l *login) accepts(who *actors.Login, err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stage != isChecked {
		return false // the client has hung up
	}
	l.abandon = nil
	if err != nil && l.who == nil {
		l.release()
	}
	switch {
	case err == nil:
		l.stage, l.user = isAttached, who.User
		return true
	case errors.Is(err, actors.ErrInvalidCredentials), errors.Is(err, actors.ErrNotStarted), errors.Is(err, actors.ErrShutDown), errors.Is(err, errThrottled):
		l.refuse(err)
	default:
		l.refuse(&verifyError{err})
	}
	return false
}

// asSocket returns the socket as the system has it.
func (l *login) asSocket() actors.Socket {
	if l.websocket.options.DescribeClients {
		return &describedSocket{l.socket, l.from.address(), l.agent}
	}
	return l.socket
}

// serve is that the socket begins as the system's. It gives the socket the reader, and the client what came behind the credentials: before
// the lock is released, because whoever reads on waits for it, and may not be first.
func (l *login) serve(client actors.Client, reader *frame.Reader) (early bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stage, l.served = isOver, true
	l.reader.Limit = readLimit
	*reader = l.reader
	if early = len(l.frames) > 0; early {
		client.Received(l.frames)
	}
	return early, l.broken
}

// attached is that the system has taken the socket, or why not.
func (l *login) attached(err error) {
	defer l.guard()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.refuse(err)
		return
	}
	l.stage, l.served = isOver, true
	l.websocket.loggedIn(l)
	if log := l.websocket.log; log.Core().Enabled(zap.DebugLevel) {
		log.Debug("client logged in", zap.String("user", l.user), l.from.field())
	}
}

// expired is that the time is over for what was due.
func (l *login) expired() {
	defer l.guard()
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Until(l.due) > 0 {
		return
	}
	switch l.stage {
	case awaitsRequest:
		l.lost(os.ErrDeadlineExceeded)
	case awaitsCredentials:
		l.refuse(os.ErrDeadlineExceeded)
	case isChecked, isAttached, isOver:
	}
}

// end ends the login, because the server goes down. One that is being attached ends as a connection.
func (l *login) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost(actors.ErrShutDown)
}

// guard is deferred in what others than the socket call. A panic ends this one connection.
func (l *login) guard() {
	if cause := recover(); cause != nil {
		l.fail(cause)
	}
}

// fail ends the connection after a panic.
func (l *login) fail(cause any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.websocket.logPanic("log a client in", cause)
	if l.stage < isAttached {
		l.over()
		l.websocket.countRefusal(actors.InternalFailure, l.from, errInternal.Error())
		l.socket.closeDrained()
		l.websocket.gone(l)
	}
}

// over is that nothing is read any more, and nobody waits.
func (l *login) over() {
	l.stage = isOver
	l.timer.Stop()
	l.socket.stopReading()
	if l.abandon != nil {
		l.giveUp(l.abandon)
	}
}

// refuse tells the client why it isn't let in, where the protocol has words for that, and ends the TCP
// connection without a close frame: after a clean close the desktop client does not try again before it is
// restarted. The end comes after a while, because a client that is refused may be back at once.
func (l *login) refuse(err error) {
	w := l.websocket
	gone := func() { w.gone(l) }
	text, reason := refusal(err)
	l.over()
	w.countRefusal(reason, l.from, errtext.Detail(err))
	if text != "" && l.socket.send(frame.Append(nil, frame.Text, text)) != nil {
		l.socket.closeDrained()
		gone()
		return
	}
	switch reason {
	case actors.ClosedByClient, actors.ConnectionLost, actors.ShuttingDown, actors.Drained:
		l.socket.closeDrained()
		gone()
	case actors.LoginTimeout:
		w.held.end(l.socket, l.try.own, 0, gone)
	default:
		w.held.end(l.socket, l.try.own, w.hold(), gone)
	}
}

// refusal returns what a client is sent after an error, and how its connection ends.
func refusal(err error) (text string, reason actors.CloseReason) {
	switch {
	case errors.As(err, new(*verifyError)):
		return textNotVerified + err.Error(), actors.LoginNotVerified
	case errors.Is(err, actors.ErrInvalidCredentials):
		return textInvalidCredentials, actors.InvalidCredentials
	case errors.Is(err, errThrottled):
		return "", actors.AddressThrottled
	case errors.Is(err, actors.ErrTooManyConnections):
		return textTooMany, actors.TooManyOfUser
	case errors.Is(err, errNotText):
		return textInvalidMessage, actors.InvalidLoginMessage
	case errors.Is(err, os.ErrDeadlineExceeded):
		return textLoginTimeout, actors.LoginTimeout
	case errors.Is(err, errHungUp):
		return "", actors.ClosedByClient
	case errors.Is(err, actors.ErrNotStarted), errors.Is(err, errInternal):
		return "", actors.InternalFailure
	case errors.Is(err, actors.ErrDrained):
		return "", actors.Drained
	case errors.Is(err, actors.ErrShutDown), errors.Is(err, context.Canceled):
		return "", actors.ShuttingDown
	case errors.Is(err, frame.ErrTooBig), errors.Is(err, errTooEarly):
		return "", actors.MessageTooBig
	case errors.Is(err, frame.ErrNotUTF8), errors.Is(err, frame.ErrProtocol):
		return "", endingOf(err)
	default:
		return "", actors.ConnectionLost
	}
}

// endingOf says how a connection ends after an error of reading.
func endingOf(err error) actors.CloseReason {
	switch {
	case errors.Is(err, frame.ErrTooBig):
		return actors.MessageTooBig
	case errors.Is(err, frame.ErrNotUTF8):
		return actors.TextInvalid
	case errors.Is(err, frame.ErrProtocol):
		return actors.ProtocolViolated
	case errors.Is(err, errHungUp):
		return actors.ClosedByClient
	default:
		return actors.ConnectionLost
	}
}
