package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/errtext"
	"github.com/notifypush/notifypush/transport/frame"
	"go.uber.org/zap"
)

const (
	// watchAfter is how long Nextcloud may think about a login before the client is watched
	// meanwhile, so that its pings are answered and its going away is noticed.
	watchAfter = time.Second
	// maxEarly bounds the messages that a client may send before it is logged in, in bytes: two for
	// the login, and what it listens for, which with a page of Nextcloud are many. frameCost is what
	// one costs beside its text.
	maxEarly  = 16 << 10
	frameCost = 64
)

// What a client is told when it isn't let in; the words are part of the protocol.
const (
	textInvalidCredentials = "err: Invalid credentials"
	textInvalidMessage     = "err: Invalid authentication message"
	textLoginTimeout       = "Authentication timeout"
	textTooMany            = "Connection limit exceeded for user"
	textNextcloudFailed    = "err: Error while sending authentication request to nextcloud: "
)

var (
	errNotText  = errors.New("a text message was due")
	errHungUp   = errors.New("the client closed the connection")
	errTooEarly = errors.New("the client sends too much before it is logged in")
	errBarred   = errors.New("too many failed logins from this address")
)

// verifyError is what went wrong when Nextcloud was asked, and not with the client.
type verifyError struct{ error }

func (e *verifyError) Unwrap() error { return e.error }

// Detail returns the words for the operator.
func (e *verifyError) Detail() string { return errtext.Detail(e.error) }

// login is a client that has to say who it is. It reads the user name and the password, has them
// checked, and either hands the socket over to the actor system or says why not and hangs up.
type login struct {
	websocket *Websocket
	conn      net.Conn
	client    netip.Addr
	address   netip.Addr // that limits count it for
	proxy     bool       // that stands for many: its failures don't count
	forwarded string

	reader frame.Reader
	early  []byte        // bytes that came with the handshake
	frames []frame.Frame // read and not yet used
	size   int           // of all frames that were read
}

func (l *login) run() {
	who, err := l.authenticate()
	if err == nil {
		err = l.attach(who)
	}
	l.websocket.leaveLogin(l.address)
	if err != nil {
		l.refuse(err)
		l.websocket.leave()
		return
	}
	l.websocket.log.Debug("client logged in", zap.String("user", who.User), clientField(l.client))
}

func (l *login) authenticate() (*actors.Login, error) {
	credentials, err := l.credentials()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(l.websocket.ctx)
	defer cancel(nil)
	stop := l.watch(cancel)
	who, err := l.check(ctx, credentials)
	stop()
	switch cause := context.Cause(ctx); {
	case err == nil:
		return who, nil
	case cause != nil:
		return nil, cause
	case errors.Is(err, actors.ErrInvalidCredentials), errors.Is(err, actors.ErrNotStarted), errors.Is(err, actors.ErrShutDown), errors.Is(err, errBarred):
		return nil, err
	default:
		return nil, &verifyError{err}
	}
}

// check has the credentials checked, unless failures bar the address by now.
func (l *login) check(ctx context.Context, credentials actors.Credentials) (*actors.Login, error) {
	w := l.websocket
	if l.proxy {
		return w.system.Authenticate(ctx, credentials)
	}
	if w.penalties.wait(l.address, time.Now()) > 0 {
		return nil, errBarred
	}
	address := l.address
	credentials.OnAnswer = func(err error) { w.noteAnswer(address, err) }
	return w.system.Authenticate(ctx, credentials)
}

// noteAnswer counts what became of a login for the rate limit of its address, whether or not the client has
// waited for it.
func (w *Websocket) noteAnswer(address netip.Addr, err error) {
	switch {
	case err == nil:
		w.penalties.succeed(address, time.Now())
	case errors.Is(err, actors.ErrTokenUnheard):
	case errors.Is(err, actors.ErrInvalidCredentials), errors.Is(err, actors.ErrThrottled):
		w.penalties.fail(address, time.Now())
	}
}

// credentials reads the two messages.
func (l *login) credentials() (_ actors.Credentials, err error) {
	_ = l.conn.SetReadDeadline(time.Now().Add(l.websocket.options.loginTimeout))
	patient := context.AfterFunc(l.websocket.ctx, func() { _ = l.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer func() {
		if !patient() {
			err = actors.ErrShutDown
		}
	}()
	name, err := l.nextText()
	if err != nil {
		return actors.Credentials{}, err
	}
	password, err := l.nextText()
	if err != nil {
		return actors.Credentials{}, err
	}
	_ = l.conn.SetReadDeadline(time.Time{})
	return actors.Credentials{Login: name, Password: actors.Secret(password), Forwarded: l.forwarded, Origin: l.origin()}, nil
}

// origin is what logins have in common that come from one place; "" where that is not known.
func (l *login) origin() string {
	if l.proxy {
		return ""
	}
	return l.address.String()
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
			return strings.TrimSpace(string(f.Payload)), nil
		case frame.Binary:
			return "", errNotText
		}
	}
}

// read reads more frames. It deals with control frames itself.
func (l *login) read() error {
	buffer := make([]byte, 1024)
	n := copy(buffer, l.early)
	l.early = l.early[n:]
	if n == 0 {
		var err error
		if n, err = l.conn.Read(buffer); err != nil {
			return err
		}
	}
	frames, err := l.reader.Feed(buffer[:n])
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

// watch reads on while Nextcloud thinks, and ends that with a reason when the client is gone. The
// function that it returns ends the watching.
func (l *login) watch(gone context.CancelCauseFunc) (stop func()) {
	done := make(chan struct{})
	timer := time.AfterFunc(watchAfter, func() {
		defer close(done)
		for {
			switch err := l.read(); {
			case err == nil:
			case errors.Is(err, os.ErrDeadlineExceeded): // set by stop
				return
			default:
				gone(err)
				return
			}
		}
	})
	return func() {
		if !timer.Stop() {
			_ = l.conn.SetReadDeadline(time.Unix(1, 0))
			<-done
			_ = l.conn.SetReadDeadline(time.Time{})
		}
	}
}

func (l *login) write(frames []byte) error {
	_ = l.conn.SetWriteDeadline(time.Now().Add(farewellTimeout))
	_, err := l.conn.Write(frames)
	_ = l.conn.SetWriteDeadline(time.Time{})
	return err
}

// attach makes the client a connection of its user.
func (l *login) attach(who *actors.Login) error {
	_ = l.conn.SetReadDeadline(time.Time{})
	l.reader.Limit = readLimit
	for len(l.early) > 0 {
		if err := l.read(); err != nil {
			return err
		}
	}
	socket := newSocket(l.conn, l.websocket.poller, l.reader, l.frames, l.websocket.leave)
	return l.websocket.system.Attach(who, socket)
}

// refuse tells the client why it isn't let in, where the protocol has words for that, and ends the TCP
// connection without a close frame: after a clean close the desktop client does not try again before it is
// restarted. The lingering close keeps a reset from overtaking the text.
func (l *login) refuse(err error) {
	text, reason := refusal(err)
	l.websocket.countRefusal(reason, l.client, errtext.Detail(err))
	if text != "" && l.write(frame.Append(nil, frame.Text, text)) != nil {
		_ = l.conn.Close()
		return
	}
	sayGoodbye(l.conn)
}

// countRefusal counts a client that isn't let in, and warns where an operator may have to do
// something about it.
func (w *Websocket) countRefusal(reason actors.CloseReason, client netip.Addr, detail string) {
	w.system.CountRefusal(reason)
	fields := []zap.Field{clientField(client), zap.String("error", detail)}
	switch reason {
	case actors.ClosedByClient, actors.ConnectionLost, actors.ShuttingDown:
		w.log.Debug("login abandoned", append(fields, zap.Stringer("reason", reason))...)
	default:
		w.refused.Warn(reason.String(), fields...)
	}
}

// clientField names a client in the log, where its address is known.
func clientField(client netip.Addr) zap.Field {
	if !client.IsValid() {
		return zap.Skip()
	}
	return zap.Stringer("client", client)
}

// refusal returns what a client is told after an error, and how its connection ends.
func refusal(err error) (text string, reason actors.CloseReason) {
	switch {
	case errors.As(err, new(*verifyError)):
		return textNextcloudFailed + err.Error(), actors.NextcloudFailed
	case errors.Is(err, actors.ErrInvalidCredentials):
		return textInvalidCredentials, actors.InvalidCredentials
	case errors.Is(err, errBarred):
		return "", actors.AddressBarred
	case errors.Is(err, actors.ErrTooManyConnections):
		return textTooMany, actors.TooManyOfUser
	case errors.Is(err, errNotText):
		return textInvalidMessage, actors.InvalidLoginMessage
	case errors.Is(err, os.ErrDeadlineExceeded):
		return textLoginTimeout, actors.LoginTimeout
	case errors.Is(err, errHungUp):
		return "", actors.ClosedByClient
	case errors.Is(err, actors.ErrNotStarted):
		return "", actors.InternalFailure
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
