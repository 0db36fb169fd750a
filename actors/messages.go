package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/notifypush/notifypush/transport/frame"
)

// Every message between actors, by who sends it to whom. A message is never changed once sent, but
// its receiver makes it forget a secret, and auth notes in a question what became of it.

// Outside → listener.
type (
	// payloadArrived is what the subscription received.
	payloadArrived struct {
		channel string
		Payload payload
	}
	// eventPublished is an event that the host made itself.
	eventPublished struct{ Event Event }
	// subscribed says that every channel is confirmed.
	subscribed struct{ run uint64 }
	// subscriptionEnded says why a subscription is over.
	subscriptionEnded struct {
		run uint64
		err error
	}
	// subscribe asks the listener, by itself, to subscribe again after that subscription.
	subscribe struct{ after uint64 }
	// resync asks the listener, by itself, to have all clients refresh. Another incarnation ignores it.
	resync struct{ asker *listener }
)

// Listener → mapper.
type (
	// storageChanged asks for the users of a storage to be sent a push.
	storageChanged struct{ StorageUpdate }
	// mountsMayChange says that a user has other mounts now, or will have soon.
	mountsMayChange struct{}
)

// Outside → mapper.
type (
	// mountsFound is the answer to a query. The asker is the incarnation that asked; another one ignores it.
	mountsFound struct {
		asker *mapper
		query mountsQuery
		users map[uint64]*storageUsers
		err   error
	}
	// mapperWake asks the mapper, by itself, to look at what is due.
	mapperWake struct{}
)

// Listener → registry, and mapper → registry.
type (
	// pushUser is a push for one user.
	pushUser struct {
		user string
		push *Push
	}
	// pushUsers is one push for many users, all of the receiving registry.
	pushUsers struct {
		users []string
		push  *Push
	}
)

// System or listener → registry → user → connection. within spreads what is asked for at random
// over that time; 0 is at once.
type (
	// closeAll closes connections.
	closeAll struct {
		reason CloseReason
		within time.Duration
	}
	// refreshAll sends a push of each debounced kind.
	refreshAll struct{ within time.Duration }
)

// System → registry → user → connection.
type (
	// attach makes a socket a connection of a user. The answer comes once, on a channel with room:
	// nil when the connection is registered and its first frame is on the way.
	attach struct {
		login  *Login
		socket Socket
		answer chan<- error
	}
)

// System → registry. The answers come once, on channels with room.
type (
	listUsers struct{ answer chan<- []string }
	// sendUser is a push for one user; the answer is how many connections that has.
	sendUser struct {
		user   string
		push   *Push
		answer chan<- int
	}
	// pushAll is one push for everybody.
	pushAll struct{ push *Push }
	// disconnectUser closes a user's connections.
	disconnectUser struct{ user string }
)

// System → registry → user.
type listConnections struct {
	user   string
	answer chan<- []Connection
}

// System → connection: close, and forget the login.
type disconnect struct{}

// System → listener → mapper → registries, or → auth alone.
type (
	// probe goes once through them; each says so on a channel with room.
	probe struct{ passed chan<- station }
)

// Auth → registry → user → connection.
type (
	// loginRevoked closes the connections that credentials opened which Nextcloud refuses now.
	loginRevoked struct {
		user   string
		digest digest
	}
)

// User → registry, and connection → registry.
type (
	// connectionEnded is sent once for each attach that was passed on to the user.
	connectionEnded struct {
		user string
		pid  *actor.PID // of the user's actor, for a successor may have the name
	}
	// flushTurn asks for a flush, after everything that is queued already.
	flushTurn struct{ connection *actor.PID }
)

// Outside → connection.
type (
	framesReceived struct{ frames []frame.Frame }
	writeDone      struct{ err error }
	socketEnded    struct{ reason CloseReason }
	wake           struct{}
	debounceDue    struct{}
)

// Registry → connection.
type flush struct{}

// The messages without content.
var (
	wakeUp       = &wake{}
	flushNow     = &flush{}
	debounceOver = &debounceDue{}
)

// System, listener and connection → auth, and auth's own.
type (
	// authenticate asks who somebody is; the answer comes once, on a channel with room.
	authenticate struct {
		Credentials Credentials
		gone        <-chan struct{} // closed when nobody waits for the answer any more
		answer      chan<- authenticated
		onAnswer    func(error) // of Credentials

		// owned by auth
		call  *call // that it waits for; nil while for none
		index int   // among those that wait for it
	}
	// abandoned says that nobody waits for the answer any more.
	abandoned     struct{ by *authenticate }
	authenticated struct {
		login *Login
		err   error
	}
	// tokenIssued is a TokenIssued.
	tokenIssued struct{ TokenIssued }
	// loginAttached and loginDetached are the begin and the end of a login's connection.
	loginAttached struct{ login *Login }
	loginDetached struct{ login *Login }
	// loginJudged is Nextcloud's answer.
	loginJudged struct {
		call     *call
		identity Identity
		err      error
	}
	// forgetLogin drops a remembered login.
	forgetLogin struct{ login *Login }
	// forgetLogins drops the remembered logins of a user, or all where it is empty.
	forgetLogins struct{ user string }
	// listLogins asks for the verified logins; the answer comes once, on a channel with room.
	listLogins struct{ answer chan<- []RememberedLogin }
	// resumeLogins hands over those of the process before.
	resumeLogins struct{ logins []RememberedLogin }
	// authTick tells auth that time has passed.
	authTick struct{}
)

// The runtime's mailboxes hold on to messages that were handled until others take their places.
func (m *payloadArrived) forget() { m.Payload = nil }
func (m *eventPublished) forget() { m.Event = nil }
func (m *authenticate) forget()   { m.Credentials = Credentials{} }
func (m *tokenIssued) forget()    { m.TokenIssued = TokenIssued{} }

// size is what a message for many counts towards the in-flight limit, in bytes: one more place for 64 users.
func (m *pushUsers) size() int { return len(m.users) * inFlightPiece / 64 }

// refuse answers for a user that failed.
func (m *attach) refuse()          { m.answer <- errPanic }
func (m *listConnections) refuse() { m.answer <- nil }

// waits reports whether somebody still waits for the answer.
func (m *authenticate) waits() bool {
	select {
	case <-m.gone:
		return false
	default:
		return true
	}
}

// Messages that may reach an actor that is gone: nothing is wrong then, and some hold secrets that
// a host's log should not see.
func (*payloadArrived) IgnoreDeadLetterLogging()    {}
func (*eventPublished) IgnoreDeadLetterLogging()    {}
func (*subscribed) IgnoreDeadLetterLogging()        {}
func (*subscriptionEnded) IgnoreDeadLetterLogging() {}
func (*subscribe) IgnoreDeadLetterLogging()         {}
func (*resync) IgnoreDeadLetterLogging()            {}
func (*mountsMayChange) IgnoreDeadLetterLogging()   {}
func (*mountsFound) IgnoreDeadLetterLogging()       {}
func (*mapperWake) IgnoreDeadLetterLogging()        {}
func (*attach) IgnoreDeadLetterLogging()            {}
func (*authTick) IgnoreDeadLetterLogging()          {}
func (*forgetLogins) IgnoreDeadLetterLogging()      {}
func (*forgetLogin) IgnoreDeadLetterLogging()       {}
func (*listUsers) IgnoreDeadLetterLogging()         {}
func (*sendUser) IgnoreDeadLetterLogging()          {}
func (*pushAll) IgnoreDeadLetterLogging()           {}
func (*disconnectUser) IgnoreDeadLetterLogging()    {}
func (*listConnections) IgnoreDeadLetterLogging()   {}
func (*disconnect) IgnoreDeadLetterLogging()        {}
func (*loginRevoked) IgnoreDeadLetterLogging()      {}
func (*authenticate) IgnoreDeadLetterLogging()      {}
func (*abandoned) IgnoreDeadLetterLogging()         {}
func (*tokenIssued) IgnoreDeadLetterLogging()       {}
func (*loginJudged) IgnoreDeadLetterLogging()       {}

// IgnoreDeadLetterLogging keeps the runtime from logging pushes to clients that are gone.
func (*Push) IgnoreDeadLetterLogging()            {}
func (*wake) IgnoreDeadLetterLogging()            {}
func (*flush) IgnoreDeadLetterLogging()           {}
func (*debounceDue) IgnoreDeadLetterLogging()     {}
func (*framesReceived) IgnoreDeadLetterLogging()  {}
func (*writeDone) IgnoreDeadLetterLogging()       {}
func (*socketEnded) IgnoreDeadLetterLogging()     {}
func (*closeAll) IgnoreDeadLetterLogging()        {}
func (*refreshAll) IgnoreDeadLetterLogging()      {}
func (*connectionEnded) IgnoreDeadLetterLogging() {}
func (*flushTurn) IgnoreDeadLetterLogging()       {}
func (*loginDetached) IgnoreDeadLetterLogging()   {}
func (*loginAttached) IgnoreDeadLetterLogging()   {}
func (*listLogins) IgnoreDeadLetterLogging()      {}
func (*resumeLogins) IgnoreDeadLetterLogging()    {}
func (*pushUser) IgnoreDeadLetterLogging()        {}
func (*pushUsers) IgnoreDeadLetterLogging()       {}
func (*storageChanged) IgnoreDeadLetterLogging()  {}
func (*probe) IgnoreDeadLetterLogging()           {}
