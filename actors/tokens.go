package actors

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

const (
	// tokenTime is how long a pre-authenticated token is good.
	tokenTime = 15 * time.Second
	// tokenPatience is how long a client waits that brings an unknown token and no name: Nextcloud
	// gives the token to the client and to Redis at once, and the client may be the faster one.
	tokenPatience = 500 * time.Millisecond
	// maxAwaiting bounds the clients that wait so, for strangers decide how many there are.
	maxAwaiting = 1000
)

// tokens are those that Nextcloud has issued and nobody has used, and the clients that came before
// their token.
type tokens struct {
	issued   map[digest]issuedToken
	awaited  map[digest][]*authenticate
	awaiting int // clients
}

type issuedToken struct {
	user  string
	until time.Duration
}

func newTokens() tokens {
	return tokens{issued: map[digest]issuedToken{}, awaited: map[digest][]*authenticate{}}
}

// redeem uses up a token.
func (t *tokens) redeem(sum digest, now time.Duration) (user string, ok bool) {
	token, ok := t.issued[sum]
	delete(t.issued, sum)
	return token.user, ok && token.until > now
}

// await notes a client that waits for a token, and reports whether there is room for it.
func (t *tokens) await(sum digest, m *authenticate) bool {
	if t.awaiting >= maxAwaiting {
		return false
	}
	t.awaited[sum] = append(t.awaited[sum], m)
	t.awaiting++
	return true
}

// next takes out the client that waits for a token the longest; nil where none does.
func (t *tokens) next(sum digest) *authenticate {
	for _, m := range slices.Clone(t.awaited[sum]) {
		if t.giveUp(sum, m); m.waits() {
			return m
		}
	}
	return nil
}

// giveUp takes a client out, and reports whether it was still in.
func (t *tokens) giveUp(sum digest, m *authenticate) bool {
	at := slices.Index(t.awaited[sum], m)
	if at < 0 {
		return false
	}
	t.awaiting--
	if t.awaited[sum] = slices.Delete(t.awaited[sum], at, at+1); len(t.awaited[sum]) == 0 {
		delete(t.awaited, sum)
	}
	return true
}

// sweep forgets the tokens whose time is over.
func (t *tokens) sweep(now time.Duration) {
	for sum, token := range t.issued {
		if token.until <= now {
			delete(t.issued, sum)
		}
	}
}

// clear takes out everybody who waits.
func (t *tokens) clear() (waiting []*authenticate) {
	for _, clients := range t.awaited {
		waiting = append(waiting, clients...)
	}
	clear(t.awaited)
	t.awaiting = 0
	return waiting
}

func (a *auth) admitByToken(m *authenticate, user string) {
	a.system.counters.tokenLogins.Add(1)
	m.answer <- authenticated{login: &Login{User: user}}
}

// awaitToken lets a client wait a moment for its token before it is refused.
func (a *auth) awaitToken(ctx actor.Context, sum digest, m *authenticate) {
	if !a.tokens.await(sum, m) {
		a.refuseToken(m)
		return
	}
	a.system.calendar.add(a.system.now()+tokenPatience, ctx.Self(), &tokenMissing{sum, m})
}

func (a *auth) onTokenIssued(ctx actor.Context, m *tokenIssued) {
	defer m.forget()
	sum := a.digest("token", m.Token.Reveal())
	if waiting := a.tokens.next(sum); waiting != nil {
		a.admitByToken(waiting, m.User)
		return
	}
	a.tokens.issued[sum] = issuedToken{m.User, a.system.now() + tokenTime}
	a.startSweeping(ctx)
}

func (a *auth) onTokenMissing(m *tokenMissing) {
	if a.tokens.giveUp(m.digest, m.client) {
		a.refuseToken(m.client)
	}
}

// refuseToken refuses a token that is not known, which it may be none the less where nobody could tell.
func (a *auth) refuseToken(m *authenticate) {
	err := ErrInvalidCredentials
	if a.system.problems.has(problemEvents) {
		err = ErrTokenUnheard
	}
	a.refuse(m, err)
}
