package actors

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// RememberedLogin is a login that Nextcloud has verified, in a form that may leave the process: it
// tells nobody the credentials who hasn't Options.AuthKey, and a guess at them besides.
type RememberedLogin struct {
	Digest     []byte    `json:"digest"` // of the credentials, keyed with Options.AuthKey
	User       string    `json:"user"`
	VerifiedAt time.Time `json:"verified_at"`
}

// Logins returns the verified logins that are still good, for the next process to Resume.
func (s *System) Logins(ctx context.Context) ([]RememberedLogin, error) {
	if !s.began.Load() {
		return nil, ErrNotStarted
	}
	answer := make(chan []RememberedLogin, 1)
	s.tellAuth(&listLogins{answer})
	select {
	case logins := <-answer:
		return logins, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.ctx.Done():
		return nil, ErrShutDown
	}
}

// Resume takes over the logins of the process before, after Start, if it had the same
// Options.AuthKey. Each is good for Options.AuthResume from now, as if its connection had ended now.
// Those that Nextcloud has refused since Start are left out, if Resume comes within
// Options.AuthResume.
func (s *System) Resume(logins []RememberedLogin) {
	if s.began.Load() {
		s.tellAuth(&resumeLogins{logins})
	}
}

func (a *auth) onListLogins(m *listLogins) {
	now := a.system.now()
	logins := make([]RememberedLogin, 0, len(a.verified))
	for sum, v := range a.verified {
		if a.good(v) {
			logins = append(logins, RememberedLogin{sum[:], v.user, time.Now().Add(v.verifiedAt - now)})
		}
	}
	m.answer <- logins
}

func (a *auth) onResumeLogins(ctx actor.Context, m *resumeLogins) {
	now := a.system.now()
	for _, login := range m.logins {
		sum := digest{}
		if copy(sum[:], login.Digest) != len(sum) || len(login.Digest) != len(sum) {
			continue
		}
		if _, refused := a.refused[sum]; refused || a.verified[sum] != nil {
			continue
		}
		age := max(time.Since(login.VerifiedAt), 0)
		if age >= a.system.options.AuthMaxAge { // of a time before the calendar, it would count as young
			continue
		}
		a.verified[sum] = &verifiedLogin{user: login.User, verifiedAt: now - age, endedAt: now}
	}
	a.startSweeping(ctx)
}
