package actors

import (
	"context"
	"time"
)

// RememberedLogin is a login that Nextcloud has verified, in a form that may leave the process: it
// tells nobody the credentials who hasn't Options.AuthKey, and a guess at them besides. Who can change it on its way can log in as
// any User: authenticate it where others may write.
type RememberedLogin struct {
	Digest     []byte    `json:"digest"` // of the credentials, keyed with Options.AuthKey
	User       string    `json:"user"`
	VerifiedAt time.Time `json:"verified_at"`
	Until      time.Time `json:"until,omitzero"` // of its Identity
	Tag        string    `json:"tag,omitempty"`  // of its Identity
}

// Logins returns the verified logins that are still good, for the next process to Resume.
func (s *System) Logins(ctx context.Context) ([]RememberedLogin, error) {
	if !s.began.Load() {
		return nil, ErrNotStarted
	}
	answer := make(chan []RememberedLogin, 1)
	s.sendAuth(&listLogins{answer: answer})
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
		s.sendAuth(&resumeLogins{logins: logins})
	}
}

// list returns the verified logins that are still good. clock is the time of day that now is.
func (l *logins) list(now time.Duration, clock time.Time) []RememberedLogin {
	logins := make([]RememberedLogin, 0, len(l.verified))
	for sum, v := range l.verified {
		if l.good(v, now) {
			logins = append(logins, RememberedLogin{
				Digest: sum[:], User: v.login.User, Tag: v.login.Tag, Until: v.login.Until,
				VerifiedAt: clock.Add(v.verifiedAt - now),
			})
		}
	}
	return logins
}

// resume takes logins over from another process, as list gave them.
func (l *logins) resume(logins []RememberedLogin, now time.Duration, clock time.Time) {
	for _, login := range logins {
		sum := digest{}
		if copy(sum[:], login.Digest) != len(sum) || len(login.Digest) != len(sum) {
			continue
		}
		if _, refused := l.refused[sum]; refused || l.verified[sum] != nil {
			continue
		}
		age := max(clock.Sub(login.VerifiedAt), 0)
		if age >= *l.options.AuthMaxAge { // of a time before now began, it would count as young
			continue
		}
		v := &verifiedLogin{digest: sum, verifiedAt: now - age, endedAt: now}
		if !login.Until.IsZero() {
			if v.until = now + login.Until.Sub(clock); v.until <= now {
				continue
			}
		}
		v.login = &Login{Identity{login.User, login.Until, login.Tag}, v}
		l.verified[sum] = v
	}
	l.sweepLater(now)
}
