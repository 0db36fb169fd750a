package actors

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// EventSource is where Nextcloud's events come from: Redis, in production. Where a port has a method
// Name() string, logs and Problems call it that.
type EventSource interface {
	// Receive subscribes to channels and hands on what arrives until ctx ends or the
	// subscription is lost, and returns why. It calls subscribed once, when every channel is
	// confirmed, and then message for each payload, in order and from one goroutine. message may
	// block: that is how a flood is slowed down. It may also call Sockets and Control: the caller
	// holds no lock that they take. The payload belongs to the callee.
	Receive(ctx context.Context, channels []string, subscribed func(), message func(channel string, payload []byte)) error
}

// Mount says that a user sees a storage, from Root downwards.
type Mount struct {
	Storage uint64
	User    string
	// Root is the path inside the storage at which the user's view begins; empty for all of it.
	Root string
}

// Mounts looks up who sees what: Nextcloud's mounts table.
type Mounts interface {
	// MountsOfStorages returns every mount of the given storages, in any order. It is called from a
	// goroutine of its own, and may block until ctx ends.
	MountsOfStorages(ctx context.Context, storages []uint64) ([]Mount, error)
}

// Credentials are what a client sent, and from where.
type Credentials struct {
	Login    string
	Password Secret
	// Forwarded is the value of X-Forwarded-For that Nextcloud is sent: the client's own chain and
	// its peer, comma-separated; empty over a unix socket without a chain.
	Forwarded string
	// Origin is where this login comes from, such as an address. The Verifier is asked for one origin after the other, and one
	// has half of the places in flight at most; an empty one, which is not known, may have all.
	Origin string
	// Gateway says that Origin stands for many clients: it may have three quarters of the places.
	Gateway bool
	// Fresh has the Verifier asked in any case: that it has accepted this login before does not count.
	Fresh bool
	// Address is the client's, where it is known.
	Address string
	// Header has those fields of the handshake that a Verifier looks at; see transport.WebsocketOptions.Headers.
	// What is remembered of a login counts only for the same Header.
	Header Header
	// MayAsk, if not nil, is called when it is this login's turn to be asked about. Its error is the answer, and the
	// Verifier is not asked. It is called from an actor, and must not block. The Verifier does not see it.
	MayAsk func() error
	// OnAnswer, if not nil, is called with the error that Authenticate returns, nil if none, also when its
	// caller has not waited for the Verifier's answer. A login that is abandoned before the Verifier is
	// asked has no answer. It is called from an actor, before Authenticate returns, and must not block. The
	// Verifier does not see it.
	OnAnswer func(err error)
}

// Identity is who a client is.
type Identity struct {
	// User is the user id, which may differ from the name that was typed. It is not empty.
	User string
	// Until ends the client's connection, and what is remembered of its login; the zero time never does.
	Until time.Time
	// Tag is the host's own.
	Tag string
}

// ErrInvalidCredentials is returned by a Verifier when Nextcloud refuses the credentials, and by
// System.Authenticate then, or when a client without a user name has no live token.
var ErrInvalidCredentials = errors.New("invalid credentials")

// ErrTokenUnheard is the ErrInvalidCredentials of a client without a user name, while Nextcloud's events
// are not received, or while too many from its Origin wait for their tokens: the token may be good, so nobody is to
// blame.
var ErrTokenUnheard = fmt.Errorf("%w, unless the token is one that was not heard of", ErrInvalidCredentials)

// ErrOneLogin is what a Verifier's error is, in the sense of errors.Is, when it concerns that login
// and not all, such as too many attempts from one address: it doesn't say that Nextcloud is away.
var ErrOneLogin = errors.New("nextcloud did not judge this login")

// ErrThrottled is what a Verifier's ErrOneLogin is besides when Nextcloud does not judge because too many
// logins from the client's address have failed.
var ErrThrottled = errors.New("nextcloud throttles this address")

// Verifier asks Nextcloud whether credentials are good.
type Verifier interface {
	// Verify returns who has these credentials. It returns ErrInvalidCredentials when Nextcloud says no,
	// and another error, fit for the client's eyes, when Nextcloud could not be asked; an ErrOneLogin when
	// others might be. Where that error has a method Detail() string, its words are for the operator's
	// eyes. ctx has the values of Authenticate's ctx, unless it is asked again later. It is called from a goroutine of its own, also long after the client came (see
	// Options.AuthRecheck), and must return when ctx ends, after Options.AuthTimeout at the latest.
	Verify(ctx context.Context, credentials Credentials) (Identity, error)
}

// VerifierFunc is a function as a Verifier.
type VerifierFunc func(ctx context.Context, credentials Credentials) (Identity, error)

// Verify calls the function.
func (f VerifierFunc) Verify(ctx context.Context, credentials Credentials) (Identity, error) {
	return f(ctx, credentials)
}

// Control carries out what an administrator asks for over Redis. The methods are called by the
// listener actor and must not block.
type Control interface {
	// SetLogLevel takes a log specification such as "debug" or "notify_push=trace" until
	// RestoreLogLevel takes it back; levels stack.
	SetLogLevel(spec string) error
	RestoreLogLevel()
	// PublishStats makes the counters readable for Nextcloud.
	PublishStats(stats Stats)
}

// Socket is a client's websocket as its connection actor sees it. The connection actor is the
// only caller, one call at a time, and no method may block.
type Socket interface {
	// Serve begins to read. Every chunk of frames, each later completion of a write, and the end
	// of the socket are sent to client.
	Serve(client Client)
	// Resume goes on reading: nothing more is read after a chunk until Resume is called.
	Resume()
	// Write sends frames, already encoded. When not all of it could be written at once it returns
	// pending, goes on in the background, and tells client.Written when done; the next Write may
	// come only then. frames must not change in the meantime.
	Write(frames []byte) (pending bool, err error)
	// Close ends the socket: with a close frame of that code and text where one can still be sent,
	// and without where code is 0. It is called once.
	Close(code int, text string)
}
