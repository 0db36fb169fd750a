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

	// set before it is checked
	try       attempt
	lockedOut bool // Nextcloud has refused to judge the one before

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

// start begins with a handshake that a host's server has read, and what came behind it.
func (l *login) start(handshakeKey string, early []byte) {
	credentials := l.answerHandshake(handshakeKey, early)
	switch {
	case l.who != nil:
		l.judged(l.who, nil)
	case credentials != nil:
		l.check(*credentials)
	}
}

// answerHandshake returns the credentials, where they came behind the handshake.
func (l *login) answerHandshake(handshakeKey string, early []byte) *actors.Credentials {
	l.mu.Lock()
	defer l.mu.Unlock()
	credentials := l.upgrade(handshakeKey, nil, early)
	if l.stage != isOver {
		l.socket.startReading()
	}
	return credentials
}

// setDeadline has expired called after that time.
func (l *login) setDeadline(d time.Duration) {
	l.due = time.Now().Add(d)
	l.timer.Reset(d)
}

// received takes bytes, or the error that ended reading. It reports false where the login is over, and both are the system's.
func (l *login) received(data []byte, err error) (taken bool) {
	credentials, taken := l.take(data, err)
	if credentials != nil {
		l.check(*credentials)
	}
	return taken
}

// take returns the credentials once they are complete. They are checked without the lock, because the system may answer at once.
func (l *login) take(data []byte, err error) (credentials *actors.Credentials, taken bool) {
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
	case len(data) == 0:
	case l.stage == awaitsRequest:
		credentials = l.onRequest(data)
	default:
		credentials = l.onBytes(data)
	}
	if l.stage != isOver && l.broken == nil {
		l.socket.readOn()
	}
	return credentials, true
}

// lost ends the login, because nothing can be read any more. One that is attached ends as a connection.
func (l *login) lost(err error) {
	switch l.stage {
	case awaitsRequest:
		l.over()
		l.hangUp()
	case awaitsCredentials, isChecked:
		l.refuse(err)
	case isAttached: // the system hears it
		l.broken = err
	case isOver:
	}
}

// onRequest reads the first bytes of a client, and answers them if they are a handshake; any other request is net/http's.
func (l *login) onRequest(data []byte) *actors.Credentials {
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
func (l *login) upgrade(handshakeKey string, response, early []byte) *actors.Credentials {
	w := l.websocket
	key := newAttempt(w.rateLimit.hasher, l.from, "").own
	if wait := w.rateLimit.wait(key, time.Now()); wait > 0 {
		w.attribute(l, l.from)
		l.refuseHandshake(actors.AddressThrottled, appendRefusal(response, http.StatusTooManyRequests, strconv.Itoa(int(wait/time.Second)+1), errThrottled.Error()), errThrottled.Error())
		w.held.end(l.socket, key, w.hold(), func() { w.gone(l) })
		return nil
	}
	var refusal string
	reason := actors.ServerFull
	if w.system.IsDrained() { // proxies take a 503 to another server
		w.gone(l)
		reason, refusal = actors.Drained, actors.ErrDrained.Error()
	} else {
		refusal = w.admit(l, l.from)
	}
	if refusal != "" {
		l.refuseHandshake(reason, appendRefusal(response, http.StatusServiceUnavailable, retryAfter, refusal), refusal)
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
	l.setDeadline(w.options.loginTimeout)
	if l.who == nil {
		return l.onBytes(early)
	}
	l.stage = isChecked
	l.timer.Stop()
	return l.onBytes(early) // none: it is checked already
}

// refuseHandshake answers a handshake with an error of HTTP.
func (l *login) refuseHandshake(reason actors.CloseReason, response []byte, detail string) {
	l.over()
	l.websocket.countRefusal(reason, l.from, detail)
	_ = l.socket.send(response)
}

// onBytes takes what came after the handshake, and returns the credentials once they are complete.
func (l *login) onBytes(data []byte) (credentials *actors.Credentials) {
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
		credentials, err = l.readCredentials()
	}
	if err != nil {
		l.lost(err)
		return nil
	}
	return credentials
}

// readCredentials reads the two messages as far as they are there. It returns nil until both are.
func (l *login) readCredentials() (*actors.Credentials, error) {
	for len(l.frames) > 0 {
		f := l.frames[0]
		l.frames = l.frames[1:]
		if f.Opcode == frame.Binary {
			return nil, errNotText
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
		return &actors.Credentials{Login: l.user, Password: actors.Secret(text), Forwarded: l.from.forwarded, Origin: l.fairOrigin(), Gateway: l.from.gateway,
			Address: l.from.address, Header: l.header}, nil
	}
	return nil, nil
}

// fairOrigin is what logins have in common that come from one place; "" where that is not known.
func (l *login) fairOrigin() string {
	if common := limitAddress(l.from.client); common != l.from.client {
		return common.String()
	}
	return l.from.address
}

// check has the credentials checked, unless the rate limit makes them wait.
func (l *login) check(credentials actors.Credentials) {
	w := l.websocket
	lockedOut, err := w.rateLimit.begin(l.try, time.Now())
	if err != nil {
		l.decided.Store(true)
		l.judged(nil, err)
		return
	}
	l.lockedOut = lockedOut
	credentials.Fresh, credentials.MayAsk, credentials.OnAnswer = lockedOut, l.mayAsk, l.onAnswer
	l.setAbandon(w.system.AuthenticateFunc(l.values, credentials, l.judged))
}

// mayAsk is asked when it is this login's turn at Nextcloud.
func (l *login) mayAsk() error {
	if !l.decided.CompareAndSwap(false, true) {
		return errHungUp
	}
	if l.try.own.strict { // it is the only one
		return nil
	}
	_, err := l.websocket.rateLimit.begin(l.try, time.Now()) // others from there may have been refused since
	return err
}

func (l *login) onAnswer(err error) {
	l.decided.Store(true)
	l.websocket.noteAnswer(l.try, l.lockedOut && l.try.pair != 0, err) // about a token Nextcloud is not asked
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

// giveUp tells the system that nobody waits for the answer any more.
func (l *login) giveUp(abandon func()) {
	abandon()
	l.release()
}

// release has a login that Nextcloud was not asked about not count for the rate limit.
func (l *login) release() {
	if l.decided.CompareAndSwap(false, true) {
		l.websocket.rateLimit.release(l.try)
	}
}

// noteAnswer counts what became of a login for the rate limit, whether or not the client has waited for it.
// judged says that Nextcloud was asked, whatever is remembered.
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

// judged takes who the client is, and has it attached, or the error that says why nobody knows.
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
		return &describedSocket{l.socket, l.from.address, l.agent}
	}
	return l.socket
}

// serve ends the login, because the system has the socket. It gives the socket the reader, and the client what came behind the
// credentials: before the lock is released, because the goroutine that reads waits for it, and what it has read came later.
func (l *login) serve(client actors.Client, reader *frame.Reader) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stage, l.served = isOver, true
	l.reader.Limit = readLimit
	*reader = l.reader
	if len(l.frames) > 0 {
		client.Received(l.frames)
	}
	return l.broken
}

// attached ends the login when the system has taken the socket, or refuses the client.
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
	if line := l.websocket.log.Check(zap.DebugLevel, "client logged in"); line != nil {
		line.Write(zap.String("user", l.user), l.from.field())
	}
}

// expired refuses a client that was too slow.
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
	if l.stage != isAttached {
		l.lost(actors.ErrShutDown)
	}
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
		l.hangUp()
	} else if l.stage == isAttached && l.broken == nil { // the system hears it
		l.broken = errInternal
	}
}

// hangUp closes the connection of a login that is over.
func (l *login) hangUp() {
	l.socket.closeDrained()
	l.websocket.gone(l)
}

// over ends reading and the wait for an answer.
func (l *login) over() {
	l.stage = isOver
	l.timer.Stop()
	l.socket.stopReading()
	if l.abandon != nil {
		l.giveUp(l.abandon)
	}
}
