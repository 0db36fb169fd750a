package actors

import (
	"container/heap"
	"container/list"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"maps"
	"math/rand/v2"
	"time"
)

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

// Login says who a client is. It is what Authenticate returns and Attach takes. A host that knows who a
// client is by itself makes one of an Identity.
type Login struct {
	Identity
	verified *verifiedLogin // nil unless by credentials
}

// errNoUser is the answer of a Verifier that accepts credentials and names no user.
var errNoUser = errors.New("the user id is empty")

// digest stands for credentials or for a token. It is keyed, so it tells nothing by itself.
type digest [sha256.Size]byte

// logins decides who is let in: by a token that Nextcloud issued, by what Nextcloud said before, or by
// asking it. It is a plain state machine: each method is an event, is told the time (since some fixed
// moment, never 0), and adds to the effects that take returns. It is not safe for concurrent use.
//
// For the same credentials Nextcloud is asked once however many wait, and only so many calls are in flight
// at once; the others wait in a fair queue. Passwords and tokens are kept as keyed digests, and in clear
// only until Nextcloud has been asked.
type logins struct {
	options *Options
	random  func(time.Duration) time.Duration // in [0, n)

	tokens      tokens
	verified    map[digest]*verifiedLogin
	refused     map[digest]time.Duration // until
	failed      map[digest]*failure
	calls       map[digest]*call
	queue       fairQueue
	flights     flights
	rechecks    recheckQueue
	nextRecheck time.Duration // not before
	failedAt    time.Duration // when Nextcloud could not be asked; 0 if it could since
	sweepAt     time.Duration // 0 while there is nothing to forget

	effects loginEffects

	mac  hash.Hash // and its input, for digest
	text []byte
}

// loginEffects are what is to be done after events.
type loginEffects struct {
	answers []loginAnswer
	start   []callStart      // to ask Nextcloud
	end     []*verifiedLogin // refused: their connections are to be closed
	problem error            // Nextcloud could not answer
	solved  bool             // Nextcloud answered
	quiet   bool             // nobody knows any more whether Nextcloud answers
}

// callStart is a call to start.
type callStart struct {
	call        *call
	credentials Credentials
}

// loginAnswer is the answer to one client.
type loginAnswer struct {
	to    *authenticate
	login *Login
	err   error
	from  loginSource
}

// loginSource is who answered.
type loginSource int

const (
	fromToken loginSource = iota
	fromMemory
	fromNextcloud
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
}

// failure is that Nextcloud could not answer about some credentials.
type failure struct {
	err      error
	failures int
	until    time.Duration // when it may be asked again
}

// newLogins returns the state of the next incarnation: before is the one that failed, nil where there is
// none.
func newLogins(options *Options, key []byte, before *logins) *logins {
	l := &logins{
		options:  options,
		random:   rand.N[time.Duration],
		tokens:   newTokens(),
		verified: map[digest]*verifiedLogin{},
		refused:  map[digest]time.Duration{},
		failed:   map[digest]*failure{},
		calls:    map[digest]*call{},
		queue:    newFairQueue(),
		mac:      hmac.New(sha256.New, key),
	}
	if before != nil {
		l.tokens, l.verified, l.refused, l.failed = before.tokens, before.verified, before.refused, before.failed
		l.failedAt, l.sweepAt, l.nextRecheck = before.failedAt, before.sweepAt, before.nextRecheck
		for _, v := range l.verified {
			if v.recheck != nil {
				l.rechecks.Push(v.recheck)
			}
		}
		heap.Init(&l.rechecks)
	}
	return l
}

// take returns the effects of the events since it was called last.
func (l *logins) take() loginEffects {
	taken := l.effects
	l.effects = loginEffects{}
	return taken
}

// blank is a block of what the MAC works on.
var blank [sha256.BlockSize]byte

// sum returns what stands for a list of texts.
func (l *logins) sum(texts ...string) (sum digest) {
	l.mac.Reset()
	for _, text := range texts {
		l.text = append(binary.BigEndian.AppendUint64(l.text[:0], uint64(len(text))), text...)
		l.mac.Write(l.text)
		clear(l.text)
	}
	l.mac.Sum(sum[:0])
	l.mac.Write(blank[:]) // it keeps the end of its input until something takes its place
	return sum
}

// ask is a client that wants to log in. The answer may come with a later event.
func (l *logins) ask(m *authenticate, now time.Duration) {
	token := l.sum("token", m.Credentials.Password.Reveal())
	if user, ok := l.tokens.redeem(token, now); ok {
		l.admit(m, &Login{Identity: Identity{User: user}}, fromToken)
		return
	}
	if m.Credentials.Login == "" {
		if !l.tokens.await(token, m, now) {
			l.refuse(m, fromToken)
		}
		return
	}
	sum := l.sum("login", m.Credentials.Login, m.Credentials.Password.Reveal())
	if v := l.verified[sum]; v != nil && l.good(v, now) {
		l.recheckLater(v, m.Credentials, now)
		l.admit(m, v.login, fromMemory)
		return
	}
	if l.refused[sum] > now {
		l.refuse(m, fromMemory)
		return
	}
	if f := l.failed[sum]; f != nil && f.until > now {
		l.answer(m, nil, f.err, fromMemory)
		return
	}
	c := l.calls[sum]
	if c == nil {
		c = &call{digest: sum, credentials: m.Credentials}
		l.calls[sum] = c
		l.queue.add(c, m.Credentials.Origin)
	}
	c.join(m)
	l.startCalls(now)
}

// abandon is a client that has hung up. It is forgotten, and its password with it where no other waits for
// the same call to start: clients could hang up for ever. A call in flight goes on, and its verdict is told
// to who asked.
func (l *logins) abandon(m *authenticate) {
	c := m.call
	if c == nil || c.startedAt > 0 && c.asker == m {
		return
	}
	c.leave(m)
	if len(c.waiting) == 0 && c.startedAt == 0 {
		l.queue.remove(c)
		delete(l.calls, c.digest)
	}
}

func (l *logins) answer(m *authenticate, login *Login, err error, from loginSource) {
	m.call = nil
	l.effects.answers = append(l.effects.answers, loginAnswer{m, login, err, from})
}

func (l *logins) admit(m *authenticate, login *Login, from loginSource) {
	l.answer(m, login, nil, from)
}

func (l *logins) refuse(m *authenticate, from loginSource) {
	l.answer(m, nil, ErrInvalidCredentials, from)
}

// good reports whether a verified login may be used again without asking Nextcloud before.
func (l *logins) good(v *verifiedLogin, now time.Duration) bool {
	o := l.options
	if *o.AuthRecheck == 0 || v.until > 0 && now >= v.until {
		return false
	}
	age := now - v.verifiedAt
	resumable := *o.AuthResume > 0 && (v.connections > 0 || v.endedAt > 0 && now-v.endedAt < *o.AuthResume)
	return age < *o.AuthMaxAge && (age < *o.AuthCacheTTL || resumable)
}

// startCalls starts as many calls as may be in flight.
func (l *logins) startCalls(now time.Duration) {
	l.flights.age(now)
	for l.hasRoom() {
		c := l.queue.next(l.originHasRoom)
		if c == nil {
			break
		}
		l.start(c, now)
	}
	l.startRechecks(now)
}

// hasRoom reports whether one more call may be in flight.
func (l *logins) hasRoom() bool {
	most := *l.options.AuthConcurrency
	return most == 0 || l.flights.recent.Len() < most && l.flights.total() < overload*most
}

// originHasRoom reports whether one origin may have one more call in flight: it has half of the places at
// most. The empty one stands for many.
func (l *logins) originHasRoom(o *origin) bool {
	most := *l.options.AuthConcurrency
	half := max(most/2, 1)
	return most == 0 || o.name == "" || o.recent < half && o.inFlight < overload*half
}

func (l *logins) start(c *call, now time.Duration) {
	if len(c.waiting) > 0 {
		c.asker = c.waiting[0]
	}
	l.flights.start(c, now)
	l.effects.start = append(l.effects.start, callStart{c, c.credentials})
	c.credentials = Credentials{}
}

// judged is Nextcloud's answer to a call, or why there is none. until is when the Identity ends; 0 is never.
func (l *logins) judged(c *call, identity Identity, until time.Duration, err error, now time.Duration) {
	if l.calls[c.digest] != c {
		return // it was not waited for
	}
	delete(l.calls, c.digest)
	l.flights.end(c)
	if c.origin != nil {
		l.queue.forget(c.origin)
	}
	if err == nil && until > 0 && until <= now {
		err = ErrInvalidCredentials
	}
	if err == nil && identity.User == "" {
		err = errNoUser
	}
	l.noteHealth(err, now)
	var login *Login
	switch {
	case err == nil:
		login = l.onAccepted(c, identity, until, now)
	case errors.Is(err, ErrInvalidCredentials):
		err = ErrInvalidCredentials
		l.onRefused(c.digest, now)
	default:
		l.onFailed(c, err, now)
	}
	l.sweepLater(now)
	for _, m := range c.waiting {
		l.answer(m, login, err, fromNextcloud)
	}
	l.startCalls(now)
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
	v.verifiedAt, v.until = now, until
	return v.login
}

func (l *logins) onRefused(sum digest, now time.Duration) {
	if v := l.verified[sum]; v != nil {
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
	if now-c.startedAt >= recentTime {
		return // what takes that long is not asked often
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

// noteHealth notes whether Nextcloud answers. What concerns one login says neither: it may come from what
// stands before Nextcloud.
func (l *logins) noteHealth(err error, now time.Duration) {
	switch {
	case err == nil, errors.Is(err, ErrInvalidCredentials):
		l.failedAt = 0
		l.effects.solved, l.effects.problem = true, nil
	case errors.Is(err, ErrOneLogin):
	default:
		l.failedAt = now
		l.effects.solved, l.effects.problem = false, err
	}
}

// attached is a login that has opened a connection.
func (l *logins) attached(login *Login) {
	v := login.verified
	if v == nil {
		return
	}
	v.connections++
	if v.refused { // meanwhile
		l.effects.end = append(l.effects.end, v)
	}
}

// detached is the end of such a connection.
func (l *logins) detached(login *Login, now time.Duration) {
	if v := login.verified; v != nil {
		v.connections--
		v.endedAt = now
		l.sweepLater(now)
	}
}

// issue is a token that Nextcloud issued.
func (l *logins) issue(user, token string, now time.Duration) {
	sum := l.sum("token", token)
	if m := l.tokens.next(sum); m != nil {
		l.admit(m, &Login{Identity: Identity{User: user}}, fromToken)
		return
	}
	l.tokens.issued[sum] = issuedToken{user, now + tokenTime}
	l.sweepLater(now)
}

// forget drops the remembered logins of a user, or of all where it is empty.
func (l *logins) forget(user string) {
	for _, v := range l.verified {
		if user == "" || v.login.User == user {
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

// tick is that time has passed.
func (l *logins) tick(now time.Duration) {
	for m := l.tokens.overdue(now); m != nil; m = l.tokens.overdue(now) {
		l.refuse(m, fromToken)
	}
	for c := l.flights.expired(now, l.callTimeout()); c != nil; c = l.flights.expired(now, l.callTimeout()) {
		l.judged(c, Identity{}, 0, errNoAnswer, now)
	}
	if l.sweepAt > 0 && now >= l.sweepAt {
		l.sweep(now)
	}
	l.startCalls(now)
}

func (l *logins) callTimeout() time.Duration { return l.options.AuthTimeout + verifierGrace }

func (l *logins) sweep(now time.Duration) {
	l.tokens.sweep(now)
	for sum, until := range l.refused {
		if until <= now && now > *l.options.AuthResume+sweepTime { // until then, Resume may come
			delete(l.refused, sum)
		}
	}
	maps.DeleteFunc(l.failed, func(_ digest, f *failure) bool { return now >= f.until+failureTime })
	unused := false
	for sum, v := range l.verified {
		switch {
		case v.connections > 0:
		case l.good(v, now):
			unused = true
		default:
			delete(l.verified, sum)
			l.endRecheck(v)
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

// wakeAt is when the next tick is due; 0 is never.
func (l *logins) wakeAt() (at time.Duration) {
	sooner := func(other time.Duration) {
		if at == 0 || other < at {
			at = other
		}
	}
	if l.sweepAt > 0 {
		sooner(l.sweepAt)
	}
	if len(l.tokens.waiting) > 0 {
		sooner(l.tokens.waiting[0].until)
	}
	for _, calls := range []*list.List{&l.flights.old, &l.flights.recent} {
		if c := oldest(calls); c != nil {
			sooner(c.startedAt + l.callTimeout())
		}
	}
	if c := oldest(&l.flights.recent); c != nil && (!l.queue.isEmpty() || len(l.rechecks) > 0) {
		sooner(c.startedAt + recentTime)
	}
	if l.canRecheck() {
		sooner(l.recheckAt())
	}
	return at
}

// close answers everybody who waits, because nobody else will.
func (l *logins) close(err error) {
	for _, c := range l.calls {
		for _, m := range c.waiting {
			l.answer(m, nil, err, fromMemory)
		}
	}
	clear(l.calls)
	for _, m := range l.tokens.clear() {
		l.answer(m, nil, err, fromMemory)
	}
}
