package actors

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

const (
	// sweepTime is how often what is over is forgotten.
	sweepTime = 15 * time.Second
	// failureTime is how long after the last failure Nextcloud counts as not available, unless it
	// has answered since. Only logins show whether it is, and none may come as long as it counts.
	failureTime = time.Minute
	// maxRefusals bounds the refusals that are remembered, for strangers make them.
	maxRefusals = 10_000
)

// ErrShutDown is returned to who waits for an answer when the system is shut down.
var ErrShutDown = errors.New("the server is going down")

// Login says who a client is. It is what Authenticate returns and Attach takes.
type Login struct {
	User   string
	digest digest
	known  bool // by credentials, and not by a token
}

// digest stands for credentials or for a token. It is keyed, so it tells nothing by itself.
type digest [sha256.Size]byte

// auth is the actor that says who a client is: by a token that Nextcloud issued, by what
// Nextcloud said before, or by asking it.
//
// For the same credentials Nextcloud is asked once however many wait, and only so many questions
// are under way at once; the others wait for their turn, those of each origin behind one another.
// Passwords and tokens are kept as keyed digests, and in clear only while Nextcloud is being asked.
type auth struct {
	system *System

	tokens   tokens
	verified map[digest]*verifiedLogin
	refused  map[digest]time.Duration // until
	flights  map[digest]*flight
	queue    turns // of flights
	flying   int
	failedAt time.Duration // when Nextcloud could not be asked; 0 where it could since
	sweeping *time.Timer

	mac  hash.Hash // and its input, for digest
	text []byte
}

// verifiedLogin is what Nextcloud said yes to.
type verifiedLogin struct {
	user        string
	verifiedAt  time.Duration
	connections int
	endedAt     time.Duration // when the last connection did
}

// flight is a question to Nextcloud and those who wait for the answer.
type flight struct {
	credentials Credentials
	waiting     []*authenticate
}

// newAuth returns the next incarnation: before is the one that failed, nil where there is none.
func newAuth(system *System, before *auth) *auth {
	a := &auth{
		system:   system,
		tokens:   newTokens(),
		verified: map[digest]*verifiedLogin{},
		refused:  map[digest]time.Duration{},
		flights:  map[digest]*flight{},
		queue:    newTurns(),
		mac:      hmac.New(sha256.New, system.authKey),
	}
	if before != nil {
		a.tokens, a.verified, a.refused, a.failedAt = before.tokens, before.verified, before.refused, before.failedAt
	}
	return a
}

// Receive handles one message.
func (a *auth) Receive(ctx actor.Context) {
	defer a.system.handled(atAuth)
	defer a.system.reportPanic(ctx)
	switch m := ctx.Message().(type) {
	case *authenticate:
		a.onAuthenticate(ctx, m)
	case *abandoned:
		a.onAbandoned(m.by)
	case *loginJudged:
		a.onLoginJudged(ctx, m)
	case *tokenIssued:
		a.onTokenIssued(ctx, m)
	case *tokenMissing:
		a.onTokenMissing(m)
	case *loginHeld:
		a.onHeld(m.login)
	case *loginReleased:
		a.onReleased(m.login)
	case *listLogins:
		a.onListLogins(m)
	case *resumeLogins:
		a.onResumeLogins(ctx, m)
	case *probe:
		m.passed <- atAuth
	case *sweep:
		a.onSweep(ctx)
	case *actor.Started:
		a.startSweeping(ctx)
	case *actor.Stopping:
		a.onEnding(ErrShutDown)
	case *actor.Restarting:
		a.onEnding(errPanic)
	}
}

// blank is a block of what the MAC works on.
var blank [sha256.BlockSize]byte

// digest returns what stands for a list of texts.
func (a *auth) digest(texts ...string) (sum digest) {
	a.mac.Reset()
	for _, text := range texts {
		a.text = append(binary.BigEndian.AppendUint64(a.text[:0], uint64(len(text))), text...)
		a.mac.Write(a.text)
		clear(a.text)
	}
	a.mac.Sum(sum[:0])
	a.mac.Write(blank[:]) // it keeps the end of its input until something takes its place
	return sum
}

func (a *auth) onAuthenticate(ctx actor.Context, m *authenticate) {
	defer m.forget()
	token := a.digest("token", m.Credentials.Password.Reveal())
	if user, ok := a.tokens.redeem(token, a.system.now()); ok {
		a.admitByToken(m, user)
		return
	}
	if m.Credentials.Login == "" {
		a.awaitToken(ctx, token, m)
		return
	}
	sum := a.digest("login", m.Credentials.Login, m.Credentials.Password.Reveal())
	if v := a.verified[sum]; v != nil && a.good(v) {
		a.system.counters.cachedLogins.Add(1)
		m.answer <- authenticated{login: &Login{User: v.user, digest: sum, known: true}}
		return
	}
	if a.refused[sum] > a.system.now() {
		a.refuse(m, ErrInvalidCredentials)
		return
	}
	f := a.flights[sum]
	if f == nil {
		f = &flight{credentials: m.Credentials}
		a.flights[sum] = f
		a.queue.add(m.Credentials.Origin, sum)
	}
	m.digest = sum
	f.waiting = append(f.waiting, m)
	a.takeOff(ctx)
}

// onAbandoned forgets a client that has hung up, and its password where no other waits for the same
// question to be asked: strangers could hang up for ever.
func (a *auth) onAbandoned(m *authenticate) {
	f := a.flights[m.digest]
	if f == nil {
		return
	}
	f.waiting = slices.DeleteFunc(f.waiting, func(other *authenticate) bool { return other == m })
	if len(f.waiting) == 0 && a.queue.remove(f.credentials.Origin, m.digest) {
		delete(a.flights, m.digest)
	}
}

func (a *auth) refuse(m *authenticate, err error) {
	a.system.counters.refusedLogins.Add(1)
	m.answer <- authenticated{err: err}
}

// good reports whether a verified login may be used again without asking Nextcloud.
func (a *auth) good(v *verifiedLogin) bool {
	now, o := a.system.now(), a.system.options
	age := now - v.verifiedAt
	resumable := o.AuthResume > 0 && (v.connections > 0 || v.endedAt > 0 && now-v.endedAt < o.AuthResume)
	return age < o.AuthMaxAge && (age < o.AuthCacheTTL || resumable)
}

// takeOff asks Nextcloud for as many as may be asked for at once.
func (a *auth) takeOff(ctx actor.Context) {
	for most := a.system.options.AuthConcurrency; most == 0 || a.flying < most; {
		sum, ok := a.queue.next()
		if !ok {
			return
		}
		f := a.flights[sum]
		a.flying++
		a.system.counters.nextcloudLogins.Add(1)
		system, self, credentials := a.system, ctx.Self(), f.credentials
		f.credentials = Credentials{}
		system.spawnWorker(func() {
			var user string
			err := system.guarded("verifier", func() (err error) {
				user, err = system.ports.Verifier.Verify(system.ctx, credentials)
				return err
			})
			system.root.Send(self, &loginJudged{a, sum, user, err})
		})
	}
}

func (a *auth) onLoginJudged(ctx actor.Context, m *loginJudged) {
	if m.asker != a {
		return
	}
	a.flying--
	f := a.flights[m.digest]
	delete(a.flights, m.digest)
	now := a.system.now()
	a.noteAnswer(m.err, now)
	switch {
	case m.err == nil:
		v := a.verified[m.digest]
		if v == nil {
			v = &verifiedLogin{}
			a.verified[m.digest] = v
		}
		v.user, v.verifiedAt = m.user, now
	case errors.Is(m.err, ErrInvalidCredentials):
		delete(a.verified, m.digest)
		if len(a.refused) >= maxRefusals {
			maps.DeleteFunc(a.refused, func(_ digest, until time.Duration) bool { return until <= now })
		}
		if len(a.refused) < maxRefusals {
			a.refused[m.digest] = now + a.system.options.AuthRefusalTTL
		}
	}
	a.startSweeping(ctx)
	for _, waiting := range f.waiting {
		a.answer(waiting, m)
	}
	a.takeOff(ctx)
}

// noteAnswer notes whether Nextcloud answered. What concerns one login says neither: it may come from
// what stands before Nextcloud.
func (a *auth) noteAnswer(err error, now time.Duration) {
	switch {
	case err == nil, errors.Is(err, ErrInvalidCredentials):
		a.failedAt = 0
		a.system.solved(problemLogins)
	case errors.Is(err, ErrOneLogin):
	case a.system.ctx.Err() == nil: // else it is our own doing
		a.failedAt = now
		a.system.problem(problemLogins, err)
	}
}

func (a *auth) answer(waiting *authenticate, m *loginJudged) {
	switch {
	case m.err == nil:
		waiting.answer <- authenticated{login: &Login{User: m.user, digest: m.digest, known: true}}
	case errors.Is(m.err, ErrInvalidCredentials):
		a.refuse(waiting, ErrInvalidCredentials)
	default:
		waiting.answer <- authenticated{err: m.err}
	}
}

func (a *auth) onHeld(login *Login) {
	if v := a.verified[login.digest]; v != nil && login.known {
		v.connections++
	}
}

func (a *auth) onReleased(login *Login) {
	if v := a.verified[login.digest]; v != nil && login.known && v.connections > 0 {
		v.connections--
		v.endedAt = a.system.now()
	}
}

func (a *auth) startSweeping(ctx actor.Context) {
	if a.sweeping == nil {
		root, self := a.system.root, ctx.Self()
		a.sweeping = time.AfterFunc(sweepTime, func() { root.Send(self, &sweep{}) })
	}
}

func (a *auth) onSweep(ctx actor.Context) {
	now := a.system.now()
	a.tokens.sweep(now)
	for sum, until := range a.refused {
		if until <= now && now > a.system.options.AuthResume+sweepTime { // until then, Resume may come
			delete(a.refused, sum)
		}
	}
	for sum, v := range a.verified {
		if v.connections == 0 && !a.good(v) {
			delete(a.verified, sum)
		}
	}
	if a.failedAt > 0 && now-a.failedAt >= failureTime {
		a.failedAt = 0
		a.system.problems.clear(problemLogins)
	}
	a.sweeping = nil
	if len(a.tokens.issued)+len(a.refused)+len(a.verified) > 0 || a.failedAt > 0 {
		a.startSweeping(ctx)
	}
}

// onEnding answers everybody who waits, for nobody else will.
func (a *auth) onEnding(err error) {
	if a.sweeping != nil {
		a.sweeping.Stop()
	}
	for _, f := range a.flights {
		for _, waiting := range f.waiting {
			waiting.answer <- authenticated{err: err}
		}
	}
	clear(a.flights)
	for _, waiting := range a.tokens.clear() {
		waiting.answer <- authenticated{err: err}
	}
}
