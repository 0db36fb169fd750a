package actors

import (
	"container/heap"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
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
// asking it. It is a plain state machine: each method is an event, is given the time (since some fixed
// moment, never 0), and adds to the effects that take returns. It is not safe for concurrent use.
//
// For the same credentials Nextcloud is asked once however many wait, and only so many calls are in flight
// at once; the others wait in a fair queue. Passwords and tokens are kept as keyed digests, and in clear
// only until Nextcloud has been asked.
type logins struct {
	options  *Options
	hasPeers bool
	share    func(limit int) int               // of this server; nil: there is no other
	random   func(time.Duration) time.Duration // in [0, n)

	tokens      tokens
	verified    map[digest]*verifiedLogin
	refused     map[digest]time.Duration // until
	failed      map[digest]*failure
	calls       map[digest]*call
	queue       fairQueue
	inFlight    callsInFlight
	rechecks    recheckQueue
	nextRecheck time.Duration // not before
	answeredAt  time.Duration // when Nextcloud answered last, whatever it said
	failedAt    time.Duration // when Nextcloud could not be asked; 0 if it could since
	sweepAt     time.Duration // 0 while there is nothing to forget

	effects loginEffects

	mac  hash.Hash // and its input, for digest
	text []byte
}

// loginEffects are what is to be done after events.
type loginEffects struct {
	answers   []loginAnswer
	start     []callStart       // to ask Nextcloud
	end       []*verifiedLogin  // refused: their connections are to be closed
	problem   error             // Nextcloud could not answer
	solved    bool              // Nextcloud answered
	quiet     bool              // nobody knows any more whether Nextcloud answers
	claims    []tokenClaim      // to be asked of the peers
	news      []loginNews       // for the peers
	announced []chan<- struct{} // to be closed when they have been passed on
}

// callStart is a call to start.
type callStart struct {
	call        *call
	credentials *Credentials
	values      context.Context // nil where there are none
}

// loginAnswer is the answer to one client.
type loginAnswer struct {
	to    *authenticate
	login *Login
	err   error
	from  LoginSource
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

// pending returns how many calls wait for a place in flight, and how many are in flight.
func (l *logins) pending() (waiting, inFlight int) {
	inFlight = l.inFlight.calls.Len()
	return max(len(l.calls)-inFlight, 0), inFlight
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
	l.text = l.mac.Sum(l.text[:0]) // not into sum, which would be allocated
	copy(sum[:], l.text)
	l.mac.Write(blank[:]) // it keeps the end of its input until something takes its place
	return sum
}

// texts returns what credentials are the same by.
func (c Credentials) texts() []string {
	texts := []string{"login", c.Login, c.Password.Reveal()}
	if len(c.Header) == 0 {
		return texts
	}
	for _, name := range slices.Sorted(maps.Keys(c.Header)) {
		texts = append(texts, name, strconv.Itoa(len(c.Header[name])))
		texts = append(texts, c.Header[name]...)
	}
	return texts
}

// ask is a client that wants to log in. The answer may come with a later event.
func (l *logins) ask(m *authenticate, now time.Duration) {
	m.origin = m.Credentials.Origin
	token := l.sum("token", m.Credentials.Password.Reveal())
	if user, ok := l.tokens.redeem(token, now); ok {
		l.useToken(m, token, user)
		return
	}
	if m.Credentials.Login == "" {
		if !l.tokens.await(token, m, now) {
			l.answer(m, nil, ErrTokenUnheard, FromToken)
		}
		return
	}
	sum := l.sum(m.Credentials.texts()...)
	v, f, c := l.verified[sum], l.failed[sum], l.calls[sum]
	switch {
	case v != nil && !m.Credentials.Fresh && l.good(v, now):
		l.recheckLater(v, m.Credentials, now)
		l.answer(m, v.login, nil, FromMemory)
	case l.refused[sum] > now:
		l.answer(m, nil, ErrInvalidCredentials, FromMemory)
	case f != nil && f.until > now:
		l.answer(m, nil, f.err, FromMemory)
	case c != nil && m.Credentials.Fresh && !c.isOf(m.origin):
		l.answer(m, nil, errOtherOrigin, FromMemory)
	default:
		if c == nil {
			c = &call{digest: sum, credentials: m.Credentials, values: m.values, queuedAt: now}
			l.calls[sum] = c
			l.queue.add(c, m.Credentials.Origin, m.Credentials.Gateway)
		}
		c.join(m)
		l.startCalls(now)
	}
}

// abandon is a client that has hung up. It is forgotten, and its password with it where no other waits for
// the same call to start: clients could hang up for ever. A call in flight goes on, and its verdict is sent
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

func (l *logins) answer(m *authenticate, login *Login, err error, from LoginSource) {
	m.call = nil
	l.effects.answers = append(l.effects.answers, loginAnswer{m, login, err, from})
}

// startCalls starts as many calls as may be in flight.
func (l *logins) startCalls(now time.Duration) {
	l.inFlight.age(now)
	for l.hasRoom() {
		c := l.queue.next(l.originHasRoom)
		if c == nil {
			break
		}
		mayAsk := c.credentials.MayAsk
		c.credentials.MayAsk = nil
		if mayAsk != nil {
			if err := mayAsk(); err != nil {
				l.drop(c, err)
				continue
			}
		}
		l.start(c, now)
	}
	l.startRechecks(now)
}

// drop ends a call that is not to be asked any more, though it is its turn. The reason concerns its origin alone.
func (l *logins) drop(c *call, err error) {
	delete(l.calls, c.digest)
	l.queue.forget(c.origin)
	for _, m := range c.waiting {
		if c.isOf(m.origin) {
			l.answer(m, nil, err, FromMemory)
		} else {
			l.answer(m, nil, errOtherOrigin, FromMemory)
		}
	}
}

// hasRoom reports whether one more call may be in flight.
func (l *logins) hasRoom() bool {
	most := l.concurrency()
	return most == 0 || l.inFlight.recent < most && l.inFlight.calls.Len() < overload*most
}

// originHasRoom reports whether one origin may have one more call in flight: it has half of the places at
// most, or three quarters where it stands for many clients. The empty one is not known.
func (l *logins) originHasRoom(o *origin) bool {
	most := l.concurrency()
	part := max(most/2, 1)
	if o.gateway {
		part = max(most*3/4, 1)
	}
	return most == 0 || o.name == "" || o.recent < part && o.inFlight < overload*part
}

func (l *logins) start(c *call, now time.Duration) {
	if len(c.waiting) > 0 {
		c.asker = c.waiting[0]
	}
	l.inFlight.start(c, now)
	l.effects.start = append(l.effects.start, callStart{c, c.credentials, c.values})
	c.credentials, c.values = nil, nil
}

// judged is Nextcloud's answer to a call, or why there is none. until is when the Identity ends; 0 is never.
func (l *logins) judged(c *call, identity Identity, until time.Duration, err error, now time.Duration) {
	if l.calls[c.digest] != c {
		return // it was not waited for
	}
	delete(l.calls, c.digest)
	l.inFlight.end(c)
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
		l.giveUp(c, err, now)
	}
	l.sweepLater(now)
	for _, m := range c.waiting {
		l.answer(m, login, c.errorFor(m, err), FromVerifier)
	}
	l.startCalls(now)
}

// giveUp answers all clients that have waited for as long as Nextcloud may take over a login, when one call took
// as long and Nextcloud has answered none meanwhile: their turn would not help them. What is in flight goes on.
func (l *logins) giveUp(c *call, err error, now time.Duration) {
	before := now - l.options.AuthTimeout
	if c.startedAt > before || l.answeredAt > before {
		return
	}
	for _, other := range l.calls {
		if other.queuedAt > before {
			continue
		}
		if other.startedAt == 0 {
			l.queue.remove(other)
			delete(l.calls, other.digest)
		}
		for _, m := range other.waiting {
			l.answer(m, nil, err, FromVerifier)
		}
		other.asker, other.waiting = nil, nil
	}
}

// noteHealth notes whether Nextcloud answers. What concerns one login says neither: it may come from what
// stands before Nextcloud.
func (l *logins) noteHealth(err error, now time.Duration) {
	switch {
	case err == nil, errors.Is(err, ErrInvalidCredentials):
		l.failedAt, l.answeredAt = 0, now
		l.effects.solved, l.effects.problem = true, nil
	case errors.Is(err, ErrOneLogin):
		l.answeredAt = now
	default:
		l.failedAt = now
		l.effects.solved, l.effects.problem = false, err
	}
}

// issue is a token that Nextcloud issued.
func (l *logins) issue(user, token string, now time.Duration) {
	sum := l.sum("token", token)
	if m := l.tokens.next(sum); m != nil {
		l.useToken(m, sum, user)
		return
	}
	l.tokens.issue(sum, user, now)
	l.sweepLater(now)
}

// tick is that time has passed.
func (l *logins) tick(now time.Duration) {
	for m := l.tokens.overdue(now); m != nil; m = l.tokens.overdue(now) {
		l.answer(m, nil, ErrInvalidCredentials, FromToken)
	}
	for c := l.inFlight.expired(now, l.callTimeout()); c != nil; c = l.inFlight.expired(now, l.callTimeout()) {
		l.judged(c, Identity{}, 0, errNoAnswer, now)
	}
	if l.sweepAt > 0 && now >= l.sweepAt {
		l.sweep(now)
	}
	l.startCalls(now)
}

func (l *logins) callTimeout() time.Duration { return l.options.AuthTimeout + verifierGrace }

// wakeAt is when the next tick is due; 0 is never.
func (l *logins) wakeAt() time.Duration {
	at := l.sweepAt
	if len(l.tokens.waiting) > 0 {
		at = earliest(at, l.tokens.waiting[0].until)
	}
	if c := callAt(l.inFlight.calls.Front()); c != nil {
		at = earliest(at, c.startedAt+l.callTimeout())
	}
	if c := callAt(l.inFlight.firstRecent); c != nil && (!l.queue.isEmpty() || len(l.rechecks) > 0) {
		at = earliest(at, c.startedAt+recentTime)
	}
	if l.canRecheck() {
		at = earliest(at, l.recheckAt())
	}
	return at
}

// close answers everybody who waits, because nobody else will.
func (l *logins) close(err error) {
	for _, c := range l.calls {
		for _, m := range c.waiting {
			l.answer(m, nil, err, FromMemory)
		}
	}
	clear(l.calls)
	for _, m := range l.tokens.clear() {
		l.answer(m, nil, err, FromMemory)
	}
}
