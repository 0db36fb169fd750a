package transport

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unique"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/errtext"
	"github.com/notifypush/notifypush/transport/frame"
	"go.uber.org/zap"
)

const (
	// watchAfter is how long Nextcloud may think about a login before the client is watched
	// meanwhile, so that its pings are answered and its going away is noticed.
	watchAfter = time.Second
	// watchBuffer is what is read at once then, in bytes.
	watchBuffer = 512
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

// login is a client that has to say who it is. It reads the user name and the password, has them
// checked, and either hands the socket over to the actor system or says why not and ends the connection.
//
// run is called once. Only cancel and the deadlines of conn may be used by others meanwhile.
type login struct {
	// set once
	websocket *Websocket
	conn      net.Conn
	from      origin
	who       *actors.Login // known by the handshake; nil where the client says who it is
	header    actors.Header
	agent     unique.Handle[string] // with WebsocketOptions.DescribeClients
	values    context.Context       // has the values of the handshake's context; nil where that is not kept
	ctx       context.Context
	cancel    context.CancelCauseFunc

	// owned by run, and by watch while that runs
	reader   frame.Reader
	buffer   *[readBuffer]byte // until the credentials are read
	early    []byte            // bytes that came with the handshake
	frames   []frame.Frame     // read and not yet used
	size     int               // of all frames that were read
	try      attempt
	attached bool // the socket is the system's
}

// run ends when the client has logged in or was refused.
func (l *login) run() {
	w := l.websocket
	if l.values == nil {
		l.values = context.Background()
	}
	l.ctx, l.cancel = context.WithCancelCause(l.values)
	who, err := l.authenticate()
	if err == nil {
		err = l.attach(who)
	}
	w.logins.remove(l)
	l.cancel(nil)
	if err != nil {
		l.refuse(err)
		return
	}
	w.loggedIn(l.conn)
	if l.websocket.log.Core().Enabled(zap.DebugLevel) {
		w.log.Debug("client logged in", zap.String("user", who.User), l.from.field())
	}
}

// fail ends the connection after a panic.
func (l *login) fail() {
	l.websocket.logins.remove(l)
	if l.attached {
		l.websocket.loggedIn(l.conn)
		return
	}
	l.websocket.countRefusal(actors.InternalFailure, l.from, "internal failure")
	_ = l.conn.Close()
	l.websocket.gone(l.conn)
}

func (l *login) authenticate() (*actors.Login, error) {
	if !l.websocket.logins.add(l) {
		return nil, actors.ErrShutDown
	}
	if l.who != nil {
		return l.who, nil
	}
	credentials, err := l.credentials()
	readBuffers.Put(l.buffer)
	l.buffer = nil
	if cause := context.Cause(l.ctx); cause != nil {
		return nil, cause
	}
	if err != nil {
		return nil, err
	}
	stop := l.watch()
	who, err := l.check(credentials)
	stop()
	switch cause := context.Cause(l.ctx); {
	case err == nil:
		return who, nil
	case cause != nil:
		return nil, cause
	case errors.Is(err, actors.ErrInvalidCredentials), errors.Is(err, actors.ErrNotStarted), errors.Is(err, actors.ErrShutDown), errors.Is(err, errThrottled):
		return nil, err
	default:
		return nil, &verifyError{err}
	}
}

// check has the credentials checked, unless the rate limit makes them wait.
func (l *login) check(credentials actors.Credentials) (*actors.Login, error) {
	w, try := l.websocket, l.try
	lockedOut, err := w.rateLimit.begin(try, time.Now())
	if err != nil {
		return nil, err
	}
	credentials.Fresh = lockedOut
	var decided atomic.Bool // it was this login's turn, or it was answered
	credentials.MayAsk = func() error {
		if !decided.CompareAndSwap(false, true) {
			return errHungUp
		}
		if try.own.strict { // it is the only one
			return nil
		}
		_, err := w.rateLimit.begin(try, time.Now()) // others from there may have been refused since
		return err
	}
	credentials.OnAnswer = func(err error) {
		decided.Store(true)
		w.noteAnswer(try, lockedOut && try.pair != 0, err) // about a token Nextcloud is not asked
	}
	who, err := w.system.Authenticate(l.ctx, credentials)
	if err != nil && decided.CompareAndSwap(false, true) {
		w.rateLimit.release(try)
	}
	return who, err
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

// credentials reads the two messages.
func (l *login) credentials() (_ actors.Credentials, err error) {
	_ = l.conn.SetReadDeadline(time.Now().Add(l.websocket.options.loginTimeout))
	name, err := l.nextText()
	if err != nil {
		return actors.Credentials{}, err
	}
	password, err := l.nextText()
	if err != nil {
		return actors.Credentials{}, err
	}
	_ = l.conn.SetReadDeadline(time.Time{})
	l.try = newAttempt(l.websocket.rateLimit.key, l.from, name)
	return actors.Credentials{Login: name, Password: actors.Secret(password), Forwarded: l.from.forwarded, Origin: l.fairOrigin(), Gateway: l.from.gateway,
		Address: l.from.address(), Header: l.header}, nil
}

// fairOrigin is what logins have in common that come from one place; "" where that is not known.
func (l *login) fairOrigin() string {
	if !l.from.client.IsValid() {
		return ""
	}
	return limitAddress(l.from.client).String()
}

// nextText returns the next text message, trimmed. Pings before it are answered.
func (l *login) nextText() (string, error) {
	for {
		for len(l.frames) == 0 {
			if err := l.read(); err != nil {
				return "", err
			}
		}
		f := l.frames[0]
		l.frames = l.frames[1:]
		switch f.Opcode {
		case frame.Text:
			text := strings.TrimSpace(string(f.Payload))
			clear(f.Payload) // it may be the password
			return text, nil
		case frame.Binary:
			return "", errNotText
		}
	}
}

// read reads more frames. It deals with control frames itself.
func (l *login) read() error {
	data := l.early
	l.early = nil
	if len(data) == 0 {
		var buffer []byte
		if l.buffer != nil {
			buffer = l.buffer[:]
		} else {
			buffer = make([]byte, watchBuffer)
		}
		n, err := l.conn.Read(buffer)
		if err != nil {
			return err
		}
		data = buffer[:n]
	}
	frames, err := l.reader.Feed(data)
	clear(data)
	for _, f := range frames {
		switch f.Opcode {
		case frame.Ping:
			if err := l.write(frame.Append(nil, frame.Pong, string(f.Payload))); err != nil {
				return errHungUp
			}
		case frame.Pong:
		case frame.Close:
			return errHungUp
		default:
			l.frames = append(l.frames, f)
			l.size += frameCost + len(f.Payload)
		}
	}
	if l.size > maxEarly {
		return errTooEarly
	}
	return err
}

// watch reads on while Nextcloud thinks, and ends the login with a reason when the client is gone. The
// function that it returns ends the watching.
func (l *login) watch() (stop func()) {
	done := make(chan struct{})
	timer := time.AfterFunc(watchAfter, func() {
		defer close(done)
		defer func() {
			if cause := recover(); cause != nil {
				l.websocket.logPanic("watch a client that logs in", cause)
				l.cancel(errInternal)
			}
		}()
		for {
			switch err := l.read(); {
			case err == nil:
			case errors.Is(err, os.ErrDeadlineExceeded): // set by stop, or by the end of all logins
				return
			default:
				l.cancel(err)
				return
			}
		}
	})
	return func() {
		if !timer.Stop() {
			_ = l.conn.SetReadDeadline(past)
			<-done
			_ = l.conn.SetReadDeadline(time.Time{})
		}
	}
}

func (l *login) write(frames []byte) error {
	_ = l.conn.SetWriteDeadline(time.Now().Add(lingerTimeout))
	_, err := l.conn.Write(frames)
	_ = l.conn.SetWriteDeadline(time.Time{})
	return err
}

// attach makes the client a connection of its user.
func (l *login) attach(who *actors.Login) error {
	l.reader.Limit = readLimit
	for len(l.early) > 0 {
		if err := l.read(); err != nil {
			return err
		}
	}
	s := newSocket(l.websocket, l.conn, l.reader, l.frames)
	if l.websocket.options.DescribeClients {
		s = &describedSocket{s, l.from.address(), l.agent}
	}
	err := l.websocket.system.Attach(who, s)
	l.attached = err == nil
	return err
}

// refuse tells the client why it isn't let in, where the protocol has words for that, and ends the TCP
// connection without a close frame: after a clean close the desktop client does not try again before it is
// restarted. The end comes after a while, because a client that is refused may be back at once.
func (l *login) refuse(err error) {
	w := l.websocket
	gone := func() { w.gone(l.conn) }
	text, reason := refusal(err)
	w.countRefusal(reason, l.from, errtext.Detail(err))
	if text != "" && l.write(frame.Append(nil, frame.Text, text)) != nil {
		_ = l.conn.Close()
		gone()
		return
	}
	switch reason {
	case actors.ClosedByClient, actors.ConnectionLost, actors.ShuttingDown, actors.Drained:
		closeDrained(l.conn)
		gone()
	case actors.LoginTimeout:
		w.held.end(l.conn, l.try.own, 0, gone)
	default:
		w.held.end(l.conn, l.try.own, w.hold(), gone)
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
	default:
		return actors.ConnectionLost
	}
}
