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
	return await(ctx, s, answer)
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
			logins = append(logins, v.remember(sum, now, clock))
		}
	}
	return logins
}

func (v *verifiedLogin) remember(sum digest, now time.Duration, clock time.Time) RememberedLogin {
	return RememberedLogin{
		Digest: sum[:], User: v.login.User, Tag: v.login.Tag, Until: v.login.Until,
		VerifiedAt: clock.Add(v.verifiedAt - now),
	}
}

// resume takes logins over from another process, as list gave them.
func (l *logins) resume(logins []RememberedLogin, now time.Duration, clock time.Time) {
	for _, login := range logins {
		sum, ok := digestOf(login.Digest)
		if _, refused := l.refused[sum]; !ok || refused || l.verified[sum] != nil {
			continue
		}
		if v := l.remembered(login, sum, now, clock); v != nil {
			v.endedAt = now
			l.verified[sum] = v
		}
	}
	l.sweepLater(now)
}

// digestOf returns a digest that comes from another process, and whether it is one.
func digestOf(text []byte) (sum digest, ok bool) {
	return sum, copy(sum[:], text) == len(sum) && len(text) == len(sum)
}

// remembered returns what another process has verified; nil where that is not good any more.
func (l *logins) remembered(login RememberedLogin, sum digest, now time.Duration, clock time.Time) *verifiedLogin {
	age := max(clock.Sub(login.VerifiedAt), 0)
	if login.User == "" || age >= *l.options.AuthMaxAge { // of a time before now began, it would count as young
		return nil
	}
	v := &verifiedLogin{digest: sum, verifiedAt: now - age}
	if !login.Until.IsZero() {
		if v.until = now + login.Until.Sub(clock); v.until <= now {
			return nil
		}
	}
	v.login = &Login{Identity{login.User, login.Until, login.Tag}, v}
	return v
}
