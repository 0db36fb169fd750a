package actors

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fleetOfTwo are two servers that tell each other everything at once.
type fleetOfTwo struct {
	t     *testing.T
	nodes [2]*clerk
	clock time.Time
}

func newFleetOfTwo(t *testing.T, options Options) *fleetOfTwo {
	f := &fleetOfTwo{t: t, clock: time.Unix(1_000_000, 0)}
	for i := range f.nodes {
		f.nodes[i] = newClerk(t, options)
		f.nodes[i].logins.hasPeers = true
	}
	return f
}

// exchange hands on the news of both.
func (f *fleetOfTwo) exchange() {
	for i, from := range f.nodes {
		to := f.nodes[1-i]
		clock := f.clock.Add(from.now)
		for _, n := range from.news {
			news := LoginNews{n.login.remember(n.login.digest, from.now, clock), n.state}
			to.logins.learn([]string{"first", "second"}[i], []LoginNews{news}, to.now, f.clock.Add(to.now))
			to.carryOut()
		}
		from.news = nil
	}
}

func (f *fleetOfTwo) pass(d time.Duration) {
	for _, node := range f.nodes {
		node.pass(d)
	}
	f.exchange()
}

// connect logs a user in at a node, where Nextcloud says yes, and opens a connection.
func (f *fleetOfTwo) connect(node int, user string) *Login {
	c := f.nodes[node]
	m := c.ask(user, "")
	if len(c.inFlight) > 0 {
		c.verdict(user, nil)
	}
	login := c.answers[m].login
	require.NotNil(f.t, login)
	c.logins.attached(login)
	c.carryOut()
	f.exchange()
	return login
}

// asked returns whether a node has to ask Nextcloud before it lets a user in.
func (f *fleetOfTwo) asks(node int, user string) bool {
	c := f.nodes[node]
	c.ask(user, "")
	asks := len(c.inFlight) > 0
	if asks {
		c.verdict(user, errors.New("not now"))
	}
	return asks
}

// A login that Nextcloud has verified at one server is good at the other, as long as the first one holds it and for
// AuthResume after.
func TestLoginOfAPeerIsGood(t *testing.T) {
	f := newFleetOfTwo(t, Options{})
	login := f.connect(0, "alice")
	f.pass(time.Hour)
	require.False(t, f.asks(1, "alice"))
	require.True(t, f.asks(1, "bob"))

	f.nodes[0].logins.detached(login, f.nodes[0].now)
	f.nodes[0].carryOut()
	f.exchange()
	f.pass(119 * time.Second)
	require.False(t, f.asks(1, "alice"))
	f.pass(2 * time.Second)
	require.True(t, f.asks(1, "alice"))
}

// The end of a server is the end of the connections that it held.
func TestEndOfAPeer(t *testing.T) {
	f := newFleetOfTwo(t, Options{})
	f.connect(0, "alice")
	f.pass(time.Hour)
	f.nodes[1].logins.peerGone("first", f.nodes[1].now)
	f.nodes[1].carryOut()
	f.nodes[1].pass(119 * time.Second)
	require.False(t, f.asks(1, "alice"))
	f.nodes[1].pass(2 * time.Second)
	require.True(t, f.asks(1, "alice"))
}

// What Nextcloud refuses at one server is over at all of them.
func TestRefusalIsForAll(t *testing.T) {
	f := newFleetOfTwo(t, Options{})
	f.connect(0, "alice")
	f.connect(1, "alice")
	f.pass(10 * time.Minute) // within which the second server asks about it
	require.Len(t, f.nodes[1].inFlight, 1)
	f.nodes[1].verdict("alice", ErrInvalidCredentials)
	f.exchange()
	require.Equal(t, []string{"alice"}, f.nodes[0].ended)
	require.Equal(t, []string{"alice"}, f.nodes[1].ended)
	require.True(t, f.asks(0, "alice"))
}

// Nextcloud is asked once about a login from memory, and not once by each server.
func TestRecheckIsForAll(t *testing.T) {
	f := newFleetOfTwo(t, Options{})
	f.nodes[0].logins.random = func(time.Duration) time.Duration { return time.Minute }
	f.connect(0, "alice")
	for _, node := range f.nodes { // comes back everywhere
		node.login("alice")
	}
	f.pass(time.Minute)
	require.Empty(t, f.nodes[1].inFlight)
	f.nodes[0].verdict("alice", nil)
	f.exchange()
	f.pass(time.Hour)
	require.Empty(t, f.nodes[1].inFlight)
}

// Whom an administrator has disconnected, no server lets in from memory.
func TestForgottenLoginIsForgottenByAll(t *testing.T) {
	f := newFleetOfTwo(t, Options{})
	f.connect(0, "alice")
	f.nodes[0].logins.forget("alice")
	f.nodes[0].carryOut()
	f.exchange()
	require.True(t, f.asks(1, "alice"))
}

// A client that was let in before its login was forgotten, and connects after, makes it good nowhere.
func TestForgottenLoginIsNotAnnounced(t *testing.T) {
	f := newFleetOfTwo(t, Options{})
	login := f.nodes[0].login("alice")
	f.nodes[0].logins.forget("alice")
	f.nodes[0].logins.attached(login)
	f.nodes[0].carryOut()
	f.exchange()
	require.True(t, f.asks(1, "alice"))
}

// What Nextcloud has just refused is not good because a peer has not heard of that.
func TestRefusedLoginIsNotLearned(t *testing.T) {
	f := newFleetOfTwo(t, Options{})
	f.nodes[0].login("alice")
	m := f.nodes[1].ask("alice", "")
	f.nodes[1].verdict("alice", ErrInvalidCredentials)
	f.nodes[1].requireAnswer(m, ErrInvalidCredentials)
	f.exchange()
	f.nodes[1].requireAnswer(f.nodes[1].ask("alice", ""), ErrInvalidCredentials)
	f.nodes[1].pass(6 * time.Second)
	require.True(t, f.asks(1, "alice"))
}

// A refusal counts also where the clock of the server that says it is behind.
func TestRefusalOfAPeerWhoseClockIsBehind(t *testing.T) {
	c := newClerk(t, Options{})
	login := c.connect("alice")
	clock := time.Unix(1_000_000, 0)
	news := LoginNews{login.verified.remember(login.verified.digest, c.now, clock.Add(-time.Minute)), LoginRefused}
	c.logins.learn("peer", []LoginNews{news}, c.now, clock)
	c.carryOut()
	require.Equal(t, []string{"alice"}, c.ended)
}

// When a login ends is what the peer says that has asked last.
func TestEndOfALoginIsLearned(t *testing.T) {
	c := newClerk(t, Options{})
	login := c.connect("alice")
	c.pass(time.Minute)
	clock := time.Unix(1_000_000, 0)
	news := LoginNews{login.verified.remember(login.verified.digest, c.now, clock), LoginHeld}
	news.VerifiedAt, news.Until = clock, clock.Add(time.Minute)
	c.logins.learn("peer", []LoginNews{news}, c.now, clock)
	c.pass(59 * time.Second)
	require.True(t, c.logins.good(login.verified, c.now))
	c.pass(time.Second)
	require.False(t, c.logins.good(login.verified, c.now))
}

// A login that nobody ever connected with is not held for ever.
func TestUnusedLoginOfAPeerEnds(t *testing.T) {
	f := newFleetOfTwo(t, Options{})
	f.nodes[0].ask("alice", "")
	f.nodes[0].verdict("alice", nil)
	f.exchange()
	require.False(t, f.asks(1, "alice"))
	f.pass(2 * time.Minute)
	f.pass(2*time.Minute + time.Second)
	require.True(t, f.asks(1, "alice"))
	f.pass(time.Minute)
	require.Empty(t, f.nodes[1].logins.verified)
}

// A server that is new is told everything.
func TestAllIsTold(t *testing.T) {
	f := newFleetOfTwo(t, Options{})
	f.connect(0, "alice")
	f.nodes[1] = newClerk(t, Options{})
	f.pass(time.Hour)
	f.nodes[0].logins.addAllNews(f.nodes[0].now)
	f.nodes[0].carryOut()
	f.exchange()
	require.False(t, f.asks(1, "alice"))
}

// A token is used up at the server that claims it first.
func TestTokenIsClaimed(t *testing.T) {
	for name, c := range map[string]struct {
		first bool
		err   error
		want  error
	}{
		"first":   {first: true},
		"second":  {want: ErrInvalidCredentials},
		"unknown": {err: errUnavailable, want: errTokenClaim},
	} {
		t.Run(name, func(t *testing.T) {
			clerk := newClerk(t, Options{})
			clerk.logins.hasPeers = true
			clerk.logins.issue("alice", "token", clerk.now)
			m := &authenticate{Credentials: &Credentials{Password: "token"}}
			clerk.logins.ask(m, clerk.now)
			clerk.carryOut()
			require.Len(t, clerk.claims, 1)
			require.NotContains(t, clerk.answers, m)
			clerk.logins.claimed(clerk.claims[0], c.first, c.err)
			clerk.carryOut()
			require.ErrorIs(t, clerk.answers[m].err, c.want)
			if c.want == nil {
				require.Equal(t, "alice", clerk.answers[m].login.User)
			}
		})
	}
}

// What is not a digest, names nobody, or is older than logins may be, is passed over.
func TestNonsenseOfAPeer(t *testing.T) {
	c := newClerk(t, Options{})
	now := time.Unix(1_000_000, 0)
	sum := digest{1}
	c.logins.learn("peer", []LoginNews{
		{RememberedLogin: RememberedLogin{Digest: []byte("short"), User: "alice", VerifiedAt: now}},
		{RememberedLogin: RememberedLogin{Digest: sum[:], VerifiedAt: now}},
		{RememberedLogin: RememberedLogin{Digest: sum[:], User: "alice", VerifiedAt: now.Add(-13 * time.Hour)}},
		{RememberedLogin: RememberedLogin{Digest: sum[:], User: "alice", VerifiedAt: now, Until: now}},
		{RememberedLogin: RememberedLogin{Digest: sum[:], User: "alice", VerifiedAt: now}, State: 17},
		{RememberedLogin: RememberedLogin{Digest: sum[:], User: "alice", VerifiedAt: now}, State: LoginForgotten},
	}, c.now, now)
	require.Empty(t, c.logins.verified)
}

// That a peer, whose clock says something else, has connections of a login, too, does not spare Nextcloud the question about it.
func TestRecheckSurvivesNewsOfOthers(t *testing.T) {
	f := newFleetOfTwo(t, Options{})
	f.connect(0, "alice")
	f.pass(time.Minute)
	second := f.nodes[1]
	second.ask("alice", "")
	require.Empty(t, second.inFlight)
	first := f.nodes[0]
	for sum, v := range first.logins.verified {
		news := LoginNews{v.remember(sum, first.now, f.clock.Add(first.now+time.Millisecond)), LoginHeld}
		second.logins.learn("first", []LoginNews{news}, second.now, f.clock.Add(second.now))
	}
	second.carryOut()
	second.pass(10 * time.Minute)
	require.Len(t, second.inFlight, 1)
}
