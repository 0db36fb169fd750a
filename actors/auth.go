package actors

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// ErrShutDown is returned to callers that wait for an answer when the system is shut down.
var ErrShutDown = errors.New("the server is going down")

// auth is the actor that says who a client is. What it decides, logins decides; auth feeds that with
// messages and the time, and carries out its effects: it starts calls to the Verifier, answers clients,
// and has connections closed. A restarted one takes over what the one before remembered.
type auth struct {
	// set once
	system *System

	// owned by Receive
	logins *logins
	timer  *time.Timer
	tickAt time.Duration // when timer fires; 0 while none is set
	ending bool
}

// newAuth returns the next incarnation: before is the one that failed, nil where there is none.
func newAuth(system *System, before *auth) *auth {
	var remembered *logins
	if before != nil {
		remembered = before.logins
	}
	logins := newLogins(system.options.Load(), system.authKey, remembered)
	if peers := system.ports.Peers; peers != nil {
		logins.hasPeers, logins.share = true, peers.LoginShare
	}
	return &auth{system: system, logins: logins}
}

// Receive handles one message.
func (a *auth) Receive(ctx actor.Context) {
	defer a.system.handled(atAuth)
	defer a.system.reportPanic(ctx)
	a.logins.options = a.system.options.Load()
	now := a.system.now()
	switch m := ctx.Message().(type) {
	case *authenticate:
		defer m.forget()
		a.logins.ask(m, now)
	case *abandoned:
		a.logins.abandon(m.by)
	case *loginJudged:
		if a.system.ctx.Err() == nil { // else the verdict is our own doing
			a.logins.judged(m.call, m.identity, a.system.at(m.identity.Until), m.err, now)
		}
	case *tokenIssued:
		defer m.forget()
		a.logins.issue(m.User, m.Token.Reveal(), now)
	case *loginAttached:
		a.logins.attached(m.login)
	case *loginDetached:
		a.logins.detached(m.login, now)
	case *loginsReset:
		a.logins.reset()
	case *forgetLogins:
		a.logins.forget(m.user)
	case *forgetLogin:
		if v := m.login.verified; v != nil {
			a.logins.addNews(v, LoginForgotten)
			a.logins.forgetLogin(v)
		}
	case fromPeers:
		m.applyTo(a.logins, now)
	case *listLogins:
		m.answer <- a.logins.list(now, time.Now())
	case *resumeLogins:
		a.logins.resume(m.logins, now, time.Now())
	case *probe:
		m.passed <- atAuth
	case *authTick:
		a.tickAt = 0
		a.logins.tick(now)
	case *actor.Stopping:
		a.close(ErrShutDown)
	case *actor.Restarting:
		a.close(errPanic)
	}
	a.carryOut(ctx, now)
}

// carryOut does what logins has decided.
func (a *auth) carryOut(ctx actor.Context, now time.Duration) {
	waiting, inFlight := a.logins.pending()
	a.system.counters.loginsWaiting.Store(int64(waiting))
	a.system.counters.loginsInFlight.Store(int64(inFlight))
	effects := a.logins.take()
	for _, q := range effects.start {
		a.start(ctx, q)
	}
	for _, v := range effects.end {
		a.system.sendRegistryOf(v.login.User, &loginRevoked{user: v.login.User, digest: v.digest})
	}
	for _, claim := range effects.claims {
		a.claimToken(claim)
	}
	a.announce(effects.news, now)
	for _, done := range effects.announced {
		close(done)
	}
	switch {
	case effects.solved:
		a.system.solved(problemLogins)
	case effects.problem != nil:
		a.system.problem(problemLogins, effects.problem)
	case effects.quiet:
		a.system.problems.clear(problemLogins)
	}
	for _, answer := range effects.answers {
		a.answer(answer)
	}
	a.setTimer(ctx)
}

// start asks Nextcloud.
func (a *auth) start(ctx actor.Context, q callStart) {
	counter := &a.system.counters.nextcloudLogins
	if q.call.recheck != nil {
		counter = &a.system.counters.rechecks
	}
	counter.Add(1)
	system, self := a.system, ctx.Self()
	system.spawnWorker(func() {
		ctx := &callContext{system: system.ctx, values: q.values, deadline: time.Now().Add(system.options.Load().AuthTimeout)}
		defer ctx.end()
		var identity Identity
		err := system.guarded("verifier", func() (err error) {
			if identity, err = system.ports.Verifier.Verify(ctx, *q.credentials); err == context.DeadlineExceeded { //nolint:errorlint // One that wraps it says more.
				err = errNoAnswer
			}
			return err
		})
		system.root.Send(self, &loginJudged{call: q.call, identity: identity, err: err})
	})
}

func (a *auth) answer(answer loginAnswer) {
	c := &a.system.counters
	switch {
	case answer.err == nil && answer.from == FromToken:
		c.tokenLogins.Add(1)
	case answer.err == nil && answer.from == FromMemory:
		c.cachedLogins.Add(1)
	case errors.Is(answer.err, ErrInvalidCredentials):
		c.refusedLogins.Add(1)
		if answer.from == FromToken && a.system.problems.has(problemEvents) {
			answer.err = ErrTokenUnheard // it may be good, and nobody could know
		}
	}
	if onAnswer := answer.to.onAnswer; onAnswer != nil {
		_ = a.system.guarded("OnAnswer", func() error { onAnswer(answer.err); return nil })
	}
	a.system.hooks.loggedIn(answer.to, answer.login, answer.err, answer.from)
	_ = a.system.guarded("AuthenticateFunc", func() error { answer.to.callback.answer(answer.login, answer.err); return nil })
}

// setTimer has the next tick come when logins needs it.
func (a *auth) setTimer(ctx actor.Context) {
	at := a.logins.wakeAt()
	if at == 0 || a.ending || a.tickAt > 0 && a.tickAt <= at {
		return
	}
	if a.timer != nil {
		a.timer.Stop()
	}
	a.tickAt = at
	root, self := a.system.root, ctx.Self()
	a.timer = time.AfterFunc(at-a.system.now(), func() { root.Send(self, &authTick{}) })
}

// close answers everybody who waits.
func (a *auth) close(err error) {
	a.ending = true
	if a.timer != nil {
		a.timer.Stop()
	}
	a.logins.close(err)
}
