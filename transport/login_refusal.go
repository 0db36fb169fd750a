package transport

import (
	"context"
	"errors"
	"os"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/errtext"
	"github.com/notifypush/notifypush/transport/frame"
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

// refuse tells the client why it isn't let in, where the protocol has words for that, and ends the TCP
// connection without a close frame: after a clean close the desktop client does not try again before it is
// restarted. The end comes after a while, because a client that is refused may be back at once.
func (l *login) refuse(err error) {
	w := l.websocket
	text, reason := refusal(err)
	l.over()
	w.countRefusal(reason, l.from, errtext.Detail(err))
	if text != "" && l.socket.send(frame.Append(nil, frame.Text, text)) != nil {
		l.hangUp()
		return
	}
	gone := func() { w.gone(l) }
	switch reason {
	case actors.ClosedByClient, actors.ConnectionLost, actors.ShuttingDown, actors.Drained:
		l.hangUp()
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
	case errors.Is(err, errInternal):
		return actors.InternalFailure
	default:
		return actors.ConnectionLost
	}
}
