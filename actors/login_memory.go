package actors

import (
	"errors"
	"maps"
	"time"
)

// This file has what logins remembers: what Nextcloud accepted, refused, and could not answer.

const (
	// sweepTime is how often what has expired is forgotten.
	sweepTime = 15 * time.Second
	// failureTime is how long after the last failure Nextcloud counts as unavailable, unless it has
	// answered since. Only logins show whether it is, and none may come as long as it counts.
	failureTime = time.Minute
	// maxRefusals bounds the refusals that are remembered, and the failures: unauthenticated clients
	// make them.
	maxRefusals = 10_000
	// The time for which a failure is the answer to the same credentials doubles from the first to the
	// last, beginning with the second failure in a row.
	firstFailureTTL, lastFailureTTL = 2 * time.Second, 16 * time.Second
)

// verifiedLogin is what Nextcloud said yes to.
type verifiedLogin struct {
	digest      digest
	login       *Login
	verifiedAt  time.Duration
	until       time.Duration // of its Identity; 0 is for ever
	connections int
	endedAt     time.Duration // when the last connection did
	recheck     *recheck      // that is due or in flight
	recheckedAt time.Duration // 0 is never
	refused     bool          // by Nextcloud, later
	reset       bool          // all connections were closed, and Nextcloud has not been asked since
	peers       []string      // that hold it
}

// failure is that Nextcloud could not answer about some credentials.
type failure struct {
	err      error
	failures int
	until    time.Duration // when it may be asked again
}

// good reports whether a verified login may be used again without asking Nextcloud before.
func (l *logins) good(v *verifiedLogin, now time.Duration) bool {
	o := l.options
	if *o.AuthRecheck == 0 || v.until > 0 && now >= v.until {
		return false
	}
	age := now - v.verifiedAt
	resumable := *o.AuthResume > 0 && (v.connections+len(v.peers) > 0 || v.endedAt > 0 && now-v.endedAt < *o.AuthResume)
	return age < *o.AuthMaxAge && (age < *o.AuthCacheTTL || resumable)
}

func (l *logins) onAccepted(c *call, identity Identity, until, now time.Duration) *Login {
	delete(l.failed, c.digest)
	v := l.verified[c.digest]
	if v != nil && v.login.User != identity.User { // what it was good for is not what it is good for now
		l.revoke(v)
		v = nil
	}
	if v == nil {
		v = &verifiedLogin{digest: c.digest}
		l.verified[c.digest] = v
	}
	if c.recheck != nil && c.recheck == v.recheck {
		v.recheckedAt = now
	}
	l.endRecheck(v)
	if v.login == nil || v.login.Identity != identity {
		v.login = &Login{identity, v}
	}
	v.verifiedAt, v.until, v.reset = now, until, false
	l.addNews(v, LoginHeld)
	return v.login
}

func (l *logins) onRefused(sum digest, now time.Duration) {
	if v := l.verified[sum]; v != nil {
		l.addNews(v, LoginRefused)
		l.revoke(v)
	}
	delete(l.failed, sum)
	if len(l.refused) >= maxRefusals {
		maps.DeleteFunc(l.refused, func(_ digest, until time.Duration) bool { return until <= now })
	}
	if len(l.refused) < maxRefusals {
		l.refused[sum] = now + *l.options.AuthRefusalTTL
	}
}

// onFailed remembers a failure, so that a client which comes back at once does not make Nextcloud be asked
// each time.
func (l *logins) onFailed(c *call, err error, now time.Duration) {
	if r := c.recheck; r != nil && r.login.recheck == r {
		l.retryRecheck(r, now)
		if !errors.Is(err, ErrOneLogin) {
			l.nextRecheck = now + recheckPause
		}
	}
	if now-c.startedAt >= recentTime || errors.Is(err, ErrThrottled) {
		return // what takes that long is not asked often, and the other is said of an address
	}
	f := l.failed[c.digest]
	if f == nil {
		if len(l.failed) >= maxRefusals {
			maps.DeleteFunc(l.failed, func(_ digest, f *failure) bool { return f.until <= now })
		}
		if len(l.failed) >= maxRefusals {
			return
		}
		f = &failure{}
		l.failed[c.digest] = f
	}
	f.err, f.until = err, now
	if f.failures++; f.failures > 1 {
		f.until += min(firstFailureTTL<<min(f.failures-2, 10), lastFailureTTL)
	}
}

// revoke forgets a login, and has the connections that it opened closed.
func (l *logins) revoke(v *verifiedLogin) {
	v.refused = true
	delete(l.verified, v.digest)
	l.endRecheck(v)
	if v.connections > 0 {
		l.effects.end = append(l.effects.end, v)
	}
}

// attached is a login that has opened a connection.
func (l *logins) attached(login *Login) {
	v := login.verified
	if v == nil {
		return
	}
	if v.connections++; v.connections == 1 && l.verified[v.digest] == v { // else it was refused, or is to be asked about
		l.addNews(v, LoginHeld)
	}
	if v.refused { // meanwhile
		l.effects.end = append(l.effects.end, v)
	}
}

// detached is the end of such a connection.
func (l *logins) detached(login *Login, now time.Duration) {
	if v := login.verified; v != nil {
		v.connections--
		v.endedAt = now
		if v.connections == 0 && l.verified[v.digest] == v {
			l.addNews(v, LoginReleased)
		}
		l.sweepLater(now)
	}
}

// reset has Nextcloud be asked soon about every login that comes back.
func (l *logins) reset() {
	for _, v := range l.verified {
		l.endRecheck(v)
		v.reset = true
	}
}

// forget drops the remembered logins of a user, or of all where it is empty.
func (l *logins) forget(user string) {
	for _, v := range l.verified {
		if user == "" || v.login.User == user {
			if user != "" { // what concerns all, every server is told by itself
				l.addNews(v, LoginForgotten)
			}
			l.forgetLogin(v)
		}
	}
}

func (l *logins) forgetLogin(v *verifiedLogin) {
	if l.verified[v.digest] == v {
		delete(l.verified, v.digest)
		l.endRecheck(v)
	}
}

// sweepLater has what has expired forgotten in a while.
func (l *logins) sweepLater(now time.Duration) {
	if l.sweepAt == 0 {
		l.sweepAt = now + sweepTime
	}
}

func (l *logins) sweep(now time.Duration) {
	l.tokens.sweep(now)
	if now > *l.options.AuthResume+sweepTime { // until then, Resume may come
		maps.DeleteFunc(l.refused, func(_ digest, until time.Duration) bool { return until <= now })
	}
	maps.DeleteFunc(l.failed, func(_ digest, f *failure) bool { return now >= f.until+failureTime })
	unused := false
	for sum, v := range l.verified {
		switch {
		case v.connections+len(v.peers) > 0:
		case l.good(v, now):
			unused = true
		default:
			delete(l.verified, sum)
			l.endRecheck(v)
			if v.endedAt == 0 { // nobody has connected with it
				l.addNews(v, LoginReleased)
			}
		}
	}
	if l.failedAt > 0 && now-l.failedAt >= failureTime {
		l.failedAt = 0
		l.effects.quiet = true
	}
	l.sweepAt = 0
	if unused || len(l.tokens.issued)+len(l.refused)+len(l.failed) > 0 || l.failedAt > 0 {
		l.sweepLater(now)
	}
}
