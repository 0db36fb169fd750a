package actors

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"
)

// Peers are the other servers of the same Nextcloud, a fleet: they learn which logins this one knows, and one
// token logs in at one of them. What they say comes back through System.LearnLogins and System.PeerGone.
type Peers interface {
	// Announce passes on what has become of logins. It is called from an actor, in order, and must not block. The
	// latest news of a login is all that counts. news is good until Announce returns, in this goroutine, and
	// costs nothing where nobody listens.
	Announce(news iter.Seq[LoginNews])
	// ClaimToken returns whether this server is the first that wants to use a token up, of which digest is all that is
	// known here. It may block until ctx ends.
	ClaimToken(ctx context.Context, digest []byte) (bool, error)
	MountsPeers
	LimitsPeers
}

// LoginNews is what has become of a login.
type LoginNews struct {
	RememberedLogin
	State LoginState `json:"state"`
}

// LoginState says what a server has to do with a login.
type LoginState int

const (
	// LoginHeld is a login that Nextcloud has just verified, or that has connections.
	LoginHeld LoginState = iota
	// LoginReleased is one whose last connection has ended.
	LoginReleased
	// LoginRefused is one that Nextcloud refuses now: its connections are closed everywhere.
	LoginRefused
	// LoginForgotten is one that Nextcloud is to be asked about before it is admitted again.
	LoginForgotten
)

// tokenClaimTimeout is how long the claim of a token may take.
const tokenClaimTimeout = 5 * time.Second

// errTokenClaim is the answer to a client with a token that could not be claimed.
var errTokenClaim = errors.New("cannot find out whether the token has been used")

// tokenClaim is a token that may be used up here unless another server of the fleet was faster.
type tokenClaim struct {
	by     *authenticate
	digest digest
	user   string
}

// LearnLogins takes news from another server of the fleet, which has the same Options.AuthKey, after Start. Logins
// that it holds are good here, too, as long as it holds them, and for Options.AuthResume after.
func (s *System) LearnLogins(peer string, news []LoginNews) {
	if s.began.Load() {
		s.sendAuth(&loginsLearned{peer: peer, news: news})
	}
}

// PeerGone says that another server of the fleet has ended: the logins that it held are good for
// Options.AuthResume from now on.
func (s *System) PeerGone(peer string) {
	if s.began.Load() {
		s.sendAuth(&peerGone{peer: peer})
	}
}

// AnnounceLogins has all logins that are known here announced to Ports.Peers, because somebody new listens, and
// returns when that is done.
func (s *System) AnnounceLogins(ctx context.Context) error {
	if !s.began.Load() {
		return ErrNotStarted
	}
	done := make(chan struct{})
	s.sendAuth(&announceLogins{done: done})
	_, err := await(ctx, s, done)
	return err
}

// fromPeers is a message that comes because of other servers.
type fromPeers interface {
	applyTo(l *logins, now time.Duration)
}

func (m *tokenClaimed) applyTo(l *logins, _ time.Duration) { l.claimed(m.claim, m.first, m.err) }
func (m *loginsLearned) applyTo(l *logins, now time.Duration) {
	l.learn(m.peer, m.news, now, time.Now())
}
func (m *peerGone) applyTo(l *logins, now time.Duration) { l.peerGone(m.peer, now) }

func (m *announceLogins) applyTo(l *logins, now time.Duration) {
	l.addAllNews(now)
	l.effects.announced = append(l.effects.announced, m.done)
}

// claimToken asks in a goroutine whether a token may be used up here.
func (a *auth) claimToken(claim tokenClaim) {
	system := a.system
	system.spawnWorker(func() {
		ctx, cancel := context.WithTimeout(system.ctx, tokenClaimTimeout)
		defer cancel()
		first := false
		err := system.guarded("peers", func() (err error) {
			first, err = system.ports.Peers.ClaimToken(ctx, claim.digest[:])
			return err
		})
		system.sendAuth(&tokenClaimed{claim: claim, first: first, err: err})
	})
}

// announce passes on news to the peers.
func (a *auth) announce(news []loginNews, now time.Duration) {
	if len(news) == 0 {
		return
	}
	clock := time.Now()
	announced := func(yield func(LoginNews) bool) {
		for _, n := range news {
			if !yield(LoginNews{n.login.remember(n.login.digest, now, clock), n.state}) {
				return
			}
		}
	}
	_ = a.system.guarded("peers", func() error { a.system.ports.Peers.Announce(announced); return nil })
}

// claimed is the answer to a claim.
func (l *logins) claimed(claim tokenClaim, first bool, err error) {
	switch {
	case err != nil:
		l.answer(claim.by, nil, errTokenClaim, FromToken)
	case first:
		l.answer(claim.by, &Login{Identity: Identity{User: claim.user}}, nil, FromToken)
	default:
		l.answer(claim.by, nil, ErrInvalidCredentials, FromToken)
	}
}

// useToken lets a client in whose token is used up here, once it is known that no peer was faster.
func (l *logins) useToken(m *authenticate, sum digest, user string) {
	if l.hasPeers {
		l.effects.claims = append(l.effects.claims, tokenClaim{m, sum, user})
		return
	}
	l.answer(m, &Login{Identity: Identity{User: user}}, nil, FromToken)
}

// addNews adds news of a login for the peers.
func (l *logins) addNews(v *verifiedLogin, state LoginState) {
	if l.hasPeers {
		l.effects.news = append(l.effects.news, loginNews{v, state})
	}
}

// loginNews is what a LoginNews is made of.
type loginNews struct {
	login *verifiedLogin
	state LoginState
}

// addAllNews adds news of every login that this server knows by itself.
func (l *logins) addAllNews(now time.Duration) {
	for _, v := range l.verified {
		switch {
		case !l.good(v, now):
		case v.connections > 0 || now-v.verifiedAt < *l.options.AuthCacheTTL:
			l.addNews(v, LoginHeld)
		case v.endedAt > 0:
			l.addNews(v, LoginReleased)
		}
	}
}

// learn takes news from a peer.
func (l *logins) learn(peer string, news []LoginNews, now time.Duration, clock time.Time) {
	for _, n := range news {
		sum, ok := digestOf(n.Digest)
		if !ok {
			continue
		}
		v := l.verified[sum]
		switch n.State {
		case LoginHeld:
			l.learnHeld(peer, v, n.RememberedLogin, sum, now, clock)
		case LoginReleased:
			if v == nil {
				l.learnHeld(peer, v, n.RememberedLogin, sum, now, clock)
				v = l.verified[sum]
			}
			l.letGo(v, peer, now)
		case LoginRefused:
			if v != nil {
				l.revoke(v)
			}
		case LoginForgotten:
			if v != nil {
				l.forgetLogin(v)
			}
		}
	}
	l.sweepLater(now)
}

// sameVerification is by how much the times may differ that two servers know of one answer of Nextcloud: both have reckoned
// with their clocks.
const sameVerification = time.Second

// learnHeld notes that a peer holds a login.
func (l *logins) learnHeld(peer string, v *verifiedLogin, login RememberedLogin, sum digest, now time.Duration, clock time.Time) {
	learned := l.remembered(login, sum, now, clock)
	_, refused := l.refused[sum]
	switch {
	case learned == nil:
		return
	case v != nil && v.login.User == login.User:
		if learned.verifiedAt > v.verifiedAt+sameVerification {
			v.verifiedAt, v.until, v.recheckedAt, v.reset = learned.verifiedAt, learned.until, now, false
			l.endRecheck(v)
		}
	case refused: // here, and the peer does not know it
		return
	default:
		if v != nil {
			l.revoke(v)
		}
		v = learned
		l.verified[sum] = v
	}
	if !slices.Contains(v.peers, peer) {
		v.peers = append(v.peers, peer)
	}
}

// letGo notes that a peer does not hold a login any more.
func (l *logins) letGo(v *verifiedLogin, peer string, now time.Duration) {
	if v == nil {
		return
	}
	if at := slices.Index(v.peers, peer); at >= 0 {
		v.peers = slices.Delete(v.peers, at, at+1)
		v.endedAt = now
	}
}

// peerGone is the end of a peer.
func (l *logins) peerGone(peer string, now time.Duration) {
	for _, v := range l.verified {
		l.letGo(v, peer, now)
	}
	l.sweepLater(now)
}
