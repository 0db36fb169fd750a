package actors

import (
	"context"
	"sync/atomic"
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
		quiet
		channel string
		Payload payload
		at      time.Duration // for hooks; 0 where there is none
		prompt  bool          // it came after a lull
	}
	// eventPublished is an event that the host made itself.
	eventPublished struct {
		quiet
		Event Event
		at    time.Duration // as above
	}
	// subscribed says that every channel is confirmed.
	subscribed struct {
		quiet
		run uint64
	}
	// subscriptionEnded says why a subscription is over.
	subscriptionEnded struct {
		quiet
		run uint64
		err error
	}
	// subscribe asks the listener, by itself, to subscribe again after that subscription.
	subscribe struct {
		quiet
		after uint64
	}
	// resync asks the listener, by itself, to have all clients refresh. Another incarnation ignores it.
	resync struct {
		quiet
		asker *listener
	}
)

// Listener → mapper.
type (
	// storageChanged asks for the users of a storage to be sent a push.
	storageChanged struct {
		quiet
		StorageUpdate
	}
	// mountsMayChange says that a user has other mounts now, or will have soon.
	mountsMayChange struct{ quiet }
)

// Outside → mapper.
type (
	// mountsLearned are rows that another server has read, or this one because another asked.
	mountsLearned struct {
		quiet
		storages []uint64
		users    map[uint64]*storageUsers
		asked    time.Duration
		took     time.Duration
		again    bool
	}
	// mountsFound is the answer to a query. The asker is the incarnation that asked; another one ignores it.
	mountsFound struct {
		quiet
		asker *mapper
		query mountsQuery
		users map[uint64]*storageUsers
		err   error
	}
	// mapperWake asks the mapper, by itself, to look at what is due.
	mapperWake struct{ quiet }
)

// Listener → registry, and mapper → registry.
type (
	// pushUser is a push for one user.
	pushUser struct {
		quiet
		user   string
		push   *push
		prompt bool // the event came after a lull
	}
	// pushUsers is one push for many users, all of the receiving registry.
	pushUsers struct {
		quiet
		users []string
		push  *push
	}
)

// System or listener → registry → user → connection. within spreads what is asked for at random
// over that time; 0 is at once.
type (
	// closeAll closes connections.
	closeAll struct {
		quiet
		reason CloseReason
		within time.Duration
	}
	// refreshAll sends a push of each debounced kind.
	refreshAll struct {
		quiet
		within time.Duration
	}
)

// System → registry → user → connection.
type (
	// attach makes a socket a connection of a user. It is answered without an error when the connection is
	// registered and its first frame is on the way.
	attach struct {
		quiet
		login    *Login
		socket   Socket
		callback *callback
	}
)

// System → registry. The answers come once, on channels with room.
type (
	listUsers struct {
		quiet
		answer chan<- []string
	}
	// countCrowds asks for the connections of users who have many, and of those named who have any.
	countCrowds struct {
		quiet
		named  []string
		answer chan<- map[string]int
	}
	// sendUser is a push for one user; the answer is how many connections that has.
	sendUser struct {
		quiet
		user   string
		push   *push
		answer chan<- int
	}
	// pushAll is one push for everybody.
	pushAll struct {
		quiet
		push *push
	}
	// disconnectUser closes a user's connections.
	disconnectUser struct {
		quiet
		user string
	}
)

// System → registry → user.
type listConnections struct {
	quiet
	user   string
	answer chan<- []*actor.PID
}

// System → connection.
type (
	// disconnect closes it, and forgets the login.
	disconnect struct{ quiet }
	// describe asks for the connection as Connections lists it; the answer comes once, on a channel with
	// room. It is empty when the connection is ending.
	describe struct {
		quiet
		answer chan<- Connection
	}
)

// probe goes once through listener, mapper and registries, or to auth alone; each says so on a channel with room.
type probe struct {
	quiet
	passed chan<- station
}

// loginRevoked, of auth by way of registry and user, closes the connections that credentials opened which Nextcloud
// refuses now.
type loginRevoked struct {
	quiet
	user   string
	digest digest
}

// User → registry, and connection → registry.
type (
	// connectionEnded is sent once for each attach that was passed on to the user.
	connectionEnded struct {
		quiet
		user string
		pid  *actor.PID // of the user's actor, because a successor may have the name
	}
	// flushTurn asks for a flush, after everything that is queued already.
	flushTurn struct {
		quiet
		connection *actor.PID
	}
)

// Outside → connection.
type (
	framesReceived struct {
		quiet
		frames []frame.Frame
	}
	writeDone struct {
		quiet
		err error
	}
	socketEnded struct {
		quiet
		reason CloseReason
	}
	wake        struct{ quiet }
	debounceDue struct{ quiet }
)

// Registry → connection.
type flush struct{ quiet }

// System, listener and connection → auth, and auth's own.
type (
	// authenticate asks who somebody is.
	authenticate struct {
		quiet
		Credentials *Credentials // auth's, who gives it to a call, or forgets it
		callback    *callback
		isAbandoned atomic.Bool // nobody waits for the answer any more
		onAnswer    func(error) // of Credentials
		values      context.Context
		name        string // that was typed; for hooks, as is askedAt
		askedAt     time.Duration

		// owned by auth
		origin string // of Credentials
		call   *call  // that it waits for; nil while for none
		index  int    // among those that wait for it
	}
	// abandoned says that nobody waits for the answer any more.
	abandoned struct {
		quiet
		by *authenticate
	}
	// tokenIssued is a TokenIssued.
	tokenIssued struct {
		quiet
		TokenIssued
	}
	// loginAttached and loginDetached are the begin and the end of a login's connection.
	loginAttached struct {
		quiet
		login *Login
	}
	loginDetached struct {
		quiet
		login *Login
	}
	// loginJudged is Nextcloud's answer.
	loginJudged struct {
		quiet
		call     *call
		identity Identity
		err      error
	}
	// forgetLogin drops a remembered login.
	forgetLogin struct {
		quiet
		login *Login
	}
	// loginsReset is that all connections are closed, and Nextcloud is to be asked about those that come back.
	loginsReset struct{ quiet }
	// forgetLogins drops the remembered logins of a user, or all where it is empty.
	forgetLogins struct {
		quiet
		user string
	}
	// listLogins asks for the verified logins; the answer comes once, on a channel with room.
	listLogins struct {
		quiet
		answer chan<- []RememberedLogin
	}
	// resumeLogins hands over those of the process before.
	resumeLogins struct {
		quiet
		logins []RememberedLogin
	}
	// tokenClaimed is the answer to the claim of a token.
	tokenClaimed struct {
		quiet
		claim tokenClaim
		first bool
		err   error
	}
	// loginsLearned is what a peer says of logins, and peerGone its end.
	loginsLearned struct {
		quiet
		peer string
		news []LoginNews
	}
	peerGone struct {
		quiet
		peer string
	}
	// announceLogins has all logins announced to the peers; done is closed then.
	announceLogins struct {
		quiet
		done chan<- struct{}
	}
	// authTick tells auth that time has passed.
	authTick struct{ quiet }
)

// The runtime's mailboxes hold on to messages that were handled until others take their places, and what it says of a failure to the message.
func (m *payloadArrived) forget() { m.Payload = nil }
func (m *eventPublished) forget() { m.Event = nil }
func (m *authenticate) forget()   { m.Credentials, m.values = nil, nil }
func (m *tokenIssued) forget()    { m.TokenIssued = TokenIssued{} }

func (m *payloadArrived) isPrompt() bool { return m.prompt }
func (m *pushUser) isPrompt() bool       { return m.prompt }

// size is what a message for many counts towards the in-flight limit, in bytes: one more place for 64 users.
func (m *pushUsers) size() int { return len(m.users) * inFlightPiece / 64 }

// refuse answers for a user that failed.
func (m *attach) refuse()          { m.callback.answer(nil, errPanic) }
func (m *listConnections) refuse() { m.answer <- nil }
func (m *describe) refuse()        { m.answer <- Connection{} }
