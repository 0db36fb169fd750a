package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// NewMailbox makes the mailbox of users and connections.
func NewMailbox() actor.Mailbox { return newMailbox() }

// TickWheel is a tick of the heartbeat's wheel that comes at a certain time.
func (s *System) TickWheel(now time.Time) { s.wheel.tick(now) }

// MaxInFlight is how many events may be on their way inside.
const MaxInFlight = maxInFlight

// MaxIdleWorkers is how many goroutines of actors wait for the next turn.
const MaxIdleWorkers = maxIdleWorkers

// InFlight returns how many places are taken.
func (s *System) InFlight() int64 { return s.inFlight.messages.Load() }

// HandledByRegistries returns how many messages the registries have handled.
func (s *System) HandledByRegistries() (n int) {
	for at := atRegistry; at < stations; at++ {
		n += int(s.progress[at].messages.Load())
	}
	return n
}

// Scheduled returns how many messages the scheduler has to send.
func (s *System) Scheduled() (n int) {
	s.scheduler.mu.Lock()
	defer s.scheduler.mu.Unlock()
	for _, b := range s.scheduler.buckets {
		n += len(b.scheduled)
	}
	return n
}

// Poison is what each kind of actor can't swallow: a message of a type that it knows, and nothing
// in it. No port and no client can send one; tests do, to see what supervision does.
var Poison = map[string]any{
	"listener":   (*subscribed)(nil),
	"mapper":     (*mountsFound)(nil),
	"auth":       (*tokenIssued)(nil),
	"registry":   (*attach)(nil),
	"user":       (*attach)(nil),
	"connection": (*closeAll)(nil),
}

// MessagesWith returns one of each message that holds a password or a token.
func MessagesWith(password, token Secret) []any {
	issued := TokenIssued{User: "alice", Token: token}
	return []any{
		&authenticate{Credentials: &Credentials{Login: "alice", Password: password}},
		&tokenIssued{TokenIssued: issued},
		&eventPublished{Event: issued},
		&payloadArrived{channel: "notify_pre_auth", Payload: payload(`{"user":"alice","token":"` + token.Reveal() + `"}`)},
	}
}

// ListLogins is what Logins sends. With a channel that nobody reads it holds auth up.
func ListLogins(answer chan<- []RememberedLogin) any { return &listLogins{answer: answer} }

// Describe is what Connections sends to each connection.
func Describe(answer chan<- Connection) any { return &describe{answer: answer} }

// CloseAll is what a user's connections are closed with, by the user itself.
var CloseAll any = &closeAll{reason: ResetRequested}

// Ticking reports whether the timer wheel has a timer.
func (s *System) Ticking() bool {
	s.wheel.mu.Lock()
	defer s.wheel.mu.Unlock()
	return s.wheel.timer != nil
}
