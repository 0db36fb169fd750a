package actors

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var errUnavailable = errors.New("502")

// clerk drives logins: it keeps the time, the calls in flight, and what was answered.
type clerk struct {
	t      *testing.T
	logins *logins
	now    time.Duration

	inFlight []callStart
	asked    []string // the login names of all calls, in order
	askedAt  []time.Duration
	answers  map[*authenticate]loginAnswer
	ended    []string // users whose connections were closed
	claims   []tokenClaim
	news     []loginNews
}

func newClerk(t *testing.T, options Options) *clerk {
	completed, err := options.completed()
	require.NoError(t, err)
	c := &clerk{t: t, logins: newLogins(&completed, []byte("key"), nil), now: time.Second, answers: map[*authenticate]loginAnswer{}}
	c.logins.random = func(n time.Duration) time.Duration { return n - 1 }
	return c
}

// carryOut takes the effects over.
func (c *clerk) carryOut() {
	effects := c.logins.take()
	for _, start := range effects.start {
		c.inFlight = append(c.inFlight, start)
		c.asked = append(c.asked, start.credentials.Login)
		c.askedAt = append(c.askedAt, c.now)
	}
	for _, v := range effects.end {
		c.ended = append(c.ended, v.login.User)
	}
	c.claims = append(c.claims, effects.claims...)
	c.news = append(c.news, effects.news...)
	for _, answer := range effects.answers {
		_, twice := c.answers[answer.to]
		require.False(c.t, twice, "answered twice")
		c.answers[answer.to] = answer
	}
}

// at goes on to a time, with the ticks that come until then.
func (c *clerk) at(now time.Duration) {
	for {
		next := c.logins.wakeAt()
		if next == 0 || next > now {
			break
		}
		require.GreaterOrEqual(c.t, next, c.now-time.Hour)
		c.now = max(c.now, next)
		c.logins.tick(c.now)
		c.carryOut()
	}
	c.now = now
}

func (c *clerk) pass(time time.Duration) { c.at(c.now + time) }

// ask is a client that wants to log in from a place.
func (c *clerk) ask(login, origin string) *authenticate {
	return c.askBy(Credentials{Login: login, Password: "secret", Origin: origin})
}

func (c *clerk) askBy(credentials Credentials) *authenticate {
	m := &authenticate{Credentials: &credentials}
	c.logins.ask(m, c.now)
	m.forget()
	c.carryOut()
	return m
}

func (c *clerk) abandon(m *authenticate) {
	c.logins.abandon(m)
	c.carryOut()
}

// verdict is Nextcloud's answer to the oldest call about a login.
func (c *clerk) verdict(login string, err error) {
	c.t.Helper()
	at := slices.IndexFunc(c.inFlight, func(s callStart) bool { return s.credentials.Login == login })
	require.GreaterOrEqual(c.t, at, 0, "%s is not asked about", login)
	start := c.inFlight[at]
	c.inFlight = slices.Delete(c.inFlight, at, at+1)
	c.logins.judged(start.call, Identity{User: login}, 0, err, c.now)
	c.carryOut()
}

// login logs a client in, with a question to Nextcloud if that is needed, and returns its Login.
func (c *clerk) login(name string) *Login {
	c.t.Helper()
	m := c.ask(name, "")
	if _, answered := c.answers[m]; !answered {
		c.verdict(name, nil)
	}
	require.NoError(c.t, c.answers[m].err)
	return c.answers[m].login
}

func (c *clerk) connect(name string) *Login {
	c.t.Helper()
	login := c.login(name)
	c.logins.attached(login)
	c.carryOut()
	return login
}

func (c *clerk) disconnect(login *Login) {
	c.logins.detached(login, c.now)
	c.carryOut()
}

// requireAnswer checks what a client was answered.
func (c *clerk) requireAnswer(m *authenticate, want error) {
	c.t.Helper()
	answer, answered := c.answers[m]
	require.True(c.t, answered, "no answer")
	if want == nil {
		require.NoError(c.t, answer.err)
	} else {
		require.ErrorIs(c.t, answer.err, want)
	}
}

func (c *clerk) requireNoAnswer(m *authenticate) {
	c.t.Helper()
	_, answered := c.answers[m]
	require.False(c.t, answered)
}

// What Nextcloud accepted is good for AuthCacheTTL, and as long as a connection from it lives and
// AuthResume after it, up to AuthMaxAge; then Nextcloud is asked again, before the client is let in.
func TestVerifiedLoginsAreGood(t *testing.T) {
	type step struct {
		wait time.Duration
		do   string // "login", "connect" or "disconnect"
		asks int    // so far
	}
	const never = 1000 * time.Hour
	for name, c := range map[string]struct {
		options Options
		steps   []step
	}{
		"cached": {Options{}, []step{
			{0, "login", 1}, {0, "login", 1}, {59 * time.Second, "login", 1}, {time.Second, "login", 2}, {59 * time.Second, "login", 2},
		}},
		"not cached": {Options{AuthCacheTTL: new(time.Duration)}, []step{
			{0, "login", 1}, {0, "login", 2},
		}},
		"while connected": {Options{AuthRecheck: new(never)}, []step{
			{0, "connect", 1}, {time.Hour, "login", 1}, {10*time.Hour + 59*time.Minute, "login", 1}, {time.Minute, "login", 2},
		}},
		"resumed": {Options{AuthRecheck: new(never)}, []step{
			{0, "connect", 1}, {time.Hour, "disconnect", 1}, {119 * time.Second, "login", 1}, {time.Second, "login", 2},
		}},
		"resumed again and again, up to AuthMaxAge": {Options{AuthRecheck: new(never), AuthMaxAge: new(3 * time.Hour)}, []step{
			{0, "connect", 1}, {time.Hour, "disconnect", 1}, {time.Minute, "connect", 1}, {time.Hour, "disconnect", 1},
			{time.Minute, "connect", 1}, {time.Hour, "disconnect", 1}, {0, "login", 2},
		}},
		"not resumed": {Options{AuthResume: new(time.Duration)}, []step{
			{0, "connect", 1}, {time.Hour, "login", 2},
		}},
		"by one of two connections": {Options{AuthRecheck: new(never)}, []step{
			{0, "connect", 1}, {0, "connect", 1}, {time.Hour, "disconnect", 1}, {time.Hour, "login", 1},
		}},
		"AuthMaxAge is the most": {Options{AuthMaxAge: new(10 * time.Second)}, []step{
			{0, "login", 1}, {9 * time.Second, "login", 1}, {time.Second, "login", 2}, {9 * time.Second, "login", 2},
		}},
		"AuthMaxAge 0": {Options{AuthMaxAge: new(time.Duration)}, []step{
			{0, "login", 1}, {0, "login", 2},
		}},
		"AuthRecheck 0 asks before any login is admitted": {Options{AuthRecheck: new(time.Duration)}, []step{
			{0, "connect", 1}, {0, "login", 2}, {0, "disconnect", 2}, {0, "login", 3},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			k := newClerk(t, c.options)
			var connections []*Login
			for i, s := range c.steps {
				k.pass(s.wait)
				switch s.do {
				case "login":
					k.login("alice")
				case "connect":
					connections = append(connections, k.connect("alice"))
				case "disconnect":
					k.disconnect(connections[0])
					connections = connections[1:]
				}
				require.Len(t, k.asked, s.asks, "step %d", i)
			}
		})
	}
}

// A login from memory is asked of Nextcloud within AuthRecheck, and once in that time however often it
// comes back; its password is kept until then and no longer.
func TestRecheck(t *testing.T) {
	k := newClerk(t, Options{})
	k.connect("alice")
	k.pass(time.Minute)
	for range 50 {
		k.disconnect(k.connect("alice"))
		k.pass(time.Second)
	}
	require.Len(t, k.asked, 1)
	require.Len(t, k.logins.rechecks, 1)
	require.Equal(t, Secret("secret"), k.logins.rechecks[0].credentials.Password)
	r := k.logins.rechecks[0]
	k.at(61*time.Second + 10*time.Minute)
	require.Len(t, k.asked, 2, "ten minutes after it came back first")
	k.verdict("alice", nil)
	require.Zero(t, r.credentials)
	require.Empty(t, k.ended)
	k.connect("alice")
	due := k.logins.rechecks[0].due
	require.Equal(t, k.now+10*time.Minute, due)
	k.at(due - 1)
	require.Len(t, k.asked, 2)
	k.at(due)
	require.Len(t, k.asked, 3)
}

// What waits for ten minutes keeps nothing of a client that may be gone by then.
func TestRecheckKeepsNoClient(t *testing.T) {
	k := newClerk(t, Options{})
	k.connect("alice")
	k.askBy(Credentials{Login: "alice", Password: "secret", MayAsk: func() error { return nil }})
	require.Nil(t, k.logins.rechecks[0].credentials.MayAsk)
}

// The moment of a recheck is random, in ten minutes.
func TestRechecksAreSpread(t *testing.T) {
	k := newClerk(t, Options{})
	drawn := time.Duration(-1)
	k.logins.random = func(n time.Duration) time.Duration { drawn = n; return n / 2 }
	k.connect("alice")
	k.login("alice")
	require.Equal(t, 10*time.Minute+1, drawn)
	require.Equal(t, k.now+5*time.Minute, k.logins.rechecks[0].due)
}

// When Nextcloud refuses what was let in from memory, all that these credentials opened is closed, and
// nothing of it is remembered.
func TestRecheckIsRefused(t *testing.T) {
	k := newClerk(t, Options{})
	connected := k.connect("alice")
	late := k.login("alice") // is not attached yet
	k.pass(10 * time.Minute)
	k.verdict("alice", fmt.Errorf("really: %w", ErrInvalidCredentials))
	require.Equal(t, []string{"alice"}, k.ended)
	require.Empty(t, k.logins.verified)
	require.Empty(t, k.logins.rechecks)
	k.logins.attached(late)
	k.carryOut()
	require.Equal(t, []string{"alice", "alice"}, k.ended, "a connection that is opened just then, too")
	k.requireAnswer(k.ask("alice", ""), ErrInvalidCredentials)
	k.disconnect(connected)
	k.disconnect(late)
	k.pass(10 * time.Second)
	again := k.ask("alice", "")
	require.Len(t, k.asked, 3)
	k.verdict("alice", nil)
	k.requireAnswer(again, nil)
}

// A question to Nextcloud for any other reason does as well.
func TestLoginRefusedClosesConnections(t *testing.T) {
	k := newClerk(t, Options{AuthCacheTTL: new(time.Second), AuthResume: new(time.Duration)})
	k.connect("alice")
	k.pass(time.Minute)
	m := k.ask("alice", "")
	k.verdict("alice", ErrInvalidCredentials)
	k.requireAnswer(m, ErrInvalidCredentials)
	require.Equal(t, []string{"alice"}, k.ended)
}

// A Nextcloud that cannot be asked costs nobody the connection: the question comes again, at growing
// distances, for an hour, and then the password is forgotten.
func TestRecheckFails(t *testing.T) {
	k := newClerk(t, Options{})
	k.connect("alice")
	k.login("alice")
	r := k.logins.rechecks[0]
	k.pass(10 * time.Minute)
	for until := k.now + 50*time.Minute; k.now < until; k.pass(time.Second) {
		for len(k.inFlight) > 0 {
			k.verdict("alice", errUnavailable)
		}
	}
	require.Empty(t, k.ended)
	require.InDelta(t, 10, len(k.asked), 3)
	for until := k.now + time.Hour; k.now < until; k.pass(time.Second) {
		for len(k.inFlight) > 0 {
			k.verdict("alice", errUnavailable)
		}
	}
	require.Zero(t, r.credentials)
	require.Empty(t, k.logins.rechecks)
	require.Empty(t, k.ended)
	require.Len(t, k.logins.verified, 1)

	k.login("alice") // and is asked about again
	k.pass(10 * time.Minute)
	k.verdict("alice", errUnavailable)
	k.pass(time.Minute)
	k.verdict("alice", ErrInvalidCredentials)
	require.Equal(t, []string{"alice"}, k.ended)
}

// While Nextcloud is unavailable rechecks come one in ten seconds.
func TestRechecksPauseWhileNextcloudIsUnavailable(t *testing.T) {
	k := newClerk(t, Options{})
	for i := range 1000 {
		k.connect(fmt.Sprint("user", i))
		k.login(fmt.Sprint("user", i))
	}
	before := len(k.asked)
	k.pass(10*time.Minute - time.Second)
	require.Len(t, k.asked, before)
	for until := k.now + time.Minute; k.now < until; k.pass(time.Second) {
		for len(k.inFlight) > 0 {
			k.verdict(k.inFlight[0].credentials.Login, errUnavailable)
		}
	}
	require.LessOrEqual(t, len(k.asked)-before, 60)
}

// A user whose connections are gone, and who may not come back from memory any more, is not asked about,
// and a reset forgets everybody: passwords do not stay.
func TestRecheckIsForgotten(t *testing.T) {
	for name, end := range map[string]func(*clerk, *Login){
		"expired": func(k *clerk, login *Login) {
			k.disconnect(login)
			k.disconnect(login)
			k.pass(2*time.Minute + sweepTime)
		},
		"reset": func(k *clerk, login *Login) { k.logins.forget("") },
		"user":  func(k *clerk, login *Login) { k.logins.forget("bob"); k.logins.forget("alice") },
	} {
		t.Run(name, func(t *testing.T) {
			k := newClerk(t, Options{AuthCacheTTL: new(time.Duration)})
			login := k.connect("alice")
			require.Same(t, login, k.connect("alice"))
			r := k.logins.rechecks[0]
			end(k, login)
			require.Zero(t, r.credentials)
			require.Empty(t, k.logins.rechecks)
			require.Empty(t, k.logins.verified)
			k.pass(10 * time.Minute)
			require.Len(t, k.asked, 1)
		})
	}
}

// Logins that wait come first, and half of the places are kept free for them.
func TestRechecksComeBehindLogins(t *testing.T) {
	k := newClerk(t, Options{AuthConcurrency: new(4)})
	for i := range 10 {
		k.connect(fmt.Sprint("user", i))
		k.login(fmt.Sprint("user", i))
	}
	k.at(10*time.Minute + 999*time.Millisecond)
	require.Empty(t, k.inFlight)
	for i := range 5 {
		k.ask(fmt.Sprint("new", i), "")
	}
	require.Len(t, k.inFlight, 4)
	k.pass(2 * time.Second)
	require.Len(t, k.inFlight, 4, "one login waits")
	k.verdict("new0", nil)
	k.verdict("new1", nil)
	k.pass(time.Second)
	require.Len(t, k.inFlight, 3, "half of the places are taken")
	k.verdict("new2", nil)
	k.verdict("new3", nil)
	k.pass(time.Second)
	require.Len(t, k.inFlight, 2, "one recheck, and one login")
	require.Contains(t, k.inFlight[1].credentials.Login, "user")
}

// 5,000 clients come back after a restart: all are let in at once, without a question to Nextcloud, which
// is then asked about each, in some ten minutes, at most ten times a second.
func TestRestartOfThousands(t *testing.T) {
	const clients = 5000
	before := newClerk(t, Options{})
	for i := range clients {
		before.connect(fmt.Sprint("user", i))
	}
	clock := time.Now()
	k := newClerk(t, Options{})
	drawn := 0
	k.logins.random = func(n time.Duration) time.Duration { // evenly spread
		drawn++
		return n * time.Duration(drawn*7919%clients) / clients
	}
	k.logins.resume(before.logins.list(before.now, clock), k.now, clock)
	for i := range clients {
		k.pass(2 * time.Millisecond)
		k.connect(fmt.Sprint("user", i))
	}
	require.LessOrEqual(t, len(k.asked), 100, "none before it is let in")
	for until := k.now + 11*time.Minute; k.now < until; k.pass(50 * time.Millisecond) {
		for len(k.inFlight) > 0 {
			k.verdict(k.inFlight[0].credentials.Login, nil)
		}
	}
	require.Len(t, k.asked, clients)
	for i := 10; i < clients; i++ {
		require.GreaterOrEqual(t, k.askedAt[i]-k.askedAt[i-10], time.Second)
	}
	t.Logf("%d rechecks between %v and %v", clients, k.askedAt[0], k.askedAt[clients-1])
	require.Empty(t, k.logins.rechecks)
}

// A call that takes longer than 5 s does not count against the limit any more, until four times as many
// are in flight; after AuthTimeout the clients are answered.
func TestNextcloudHangs(t *testing.T) {
	k := newClerk(t, Options{})
	var clients []*authenticate
	for i := range 60 {
		clients = append(clients, k.ask(fmt.Sprint("user", i), ""))
	}
	require.Len(t, k.inFlight, 32)
	k.pass(5*time.Second - 1)
	require.Len(t, k.inFlight, 32)
	k.pass(1)
	require.Len(t, k.inFlight, 60)
	began := k.now
	k.at(began + 26*time.Second)
	for _, m := range clients {
		k.requireAnswer(m, errNoAnswer)
	}
	k.login("alice") // which works as soon as Nextcloud does
	k.login("user0") // even for one that failed a moment ago
	k.pass(time.Hour)
	require.Zero(t, k.logins.wakeAt())
}

// While Nextcloud answers nothing, nobody waits for a turn that would not help: not even a crowd of one origin,
// which may have half of the places.
func TestClientsAreGivenUpWhileNextcloudHangs(t *testing.T) {
	k := newClerk(t, Options{AuthConcurrency: new(4)})
	k.login("alice")
	for i := range 1000 {
		k.ask(fmt.Sprint("crowd", i), "192.0.2.1")
	}
	k.pass(10 * time.Second)
	late := k.ask("bob", "198.51.100.1")
	k.pass(12 * time.Second)
	require.True(t, len(k.answers) == 1+1000, "%d answers", len(k.answers))
	k.requireNoAnswer(late)
	k.pass(10 * time.Second)
	k.requireAnswer(late, errNoAnswer)
	k.pass(20 * time.Second)
	require.Empty(t, k.logins.queue.origins)
	require.Empty(t, k.logins.calls)
}

// A Nextcloud that is slow, and answers, is waited for however long the queue is.
func TestQueueIsKeptWhileNextcloudIsSlow(t *testing.T) {
	k := newClerk(t, Options{AuthConcurrency: new(1)})
	k.ask("hangs", "")
	var queue []*authenticate
	for i := range 30 {
		queue = append(queue, k.ask(fmt.Sprint("user", i), ""))
	}
	k.pass(5 * time.Second)
	for i := range 30 {
		k.pass(4 * time.Second)
		k.verdict(fmt.Sprint("user", i), nil)
		k.requireAnswer(queue[i], nil)
	}
}

// However long Nextcloud hangs, four times the limit is the most.
func TestCallsInFlightAreBounded(t *testing.T) {
	k := newClerk(t, Options{AuthConcurrency: new(2)})
	for i := range 100 {
		k.ask(fmt.Sprint("user", i), "")
	}
	for range 190 {
		k.pass(100 * time.Millisecond)
		require.LessOrEqual(t, k.logins.inFlight.calls.Len(), 8)
		require.LessOrEqual(t, k.logins.inFlight.recent, 2)
	}
	require.Equal(t, 8, k.logins.inFlight.calls.Len())
	k.pass(10 * time.Minute)
	require.Len(t, k.answers, 100)
	require.Zero(t, k.logins.inFlight.calls.Len())
	require.Empty(t, k.logins.queue.origins)
}

// What was answered too late is ignored: another call may be in flight by then.
func TestLateAnswerIsIgnored(t *testing.T) {
	k := newClerk(t, Options{})
	m := k.ask("alice", "")
	k.pass(21 * time.Second)
	k.requireAnswer(m, errNoAnswer)
	again := k.ask("alice", "")
	require.Len(t, k.inFlight, 2)
	k.verdict("alice", ErrInvalidCredentials)
	k.requireNoAnswer(again)
	k.verdict("alice", nil)
	k.requireAnswer(again, nil)
}

// A client that asks for a thousand logins from one place keeps nobody else waiting for all of them.
func TestOriginsAreServedFairly(t *testing.T) {
	c := newClerk(t, Options{AuthConcurrency: new(2)})
	for i := range 1000 {
		c.ask(fmt.Sprint("crowd", i), "192.0.2.1")
	}
	for i := range 5 {
		c.ask(fmt.Sprint("other", i), fmt.Sprint("198.51.100.", i))
	}
	for len(c.inFlight) > 0 {
		c.verdict(c.inFlight[0].credentials.Login, nil)
	}
	require.Len(t, c.asked, 1005)
	require.Less(t, slices.Index(c.asked, "other4"), 10)
}

// One origin has half of the places at most, also when nobody else wants them yet.
func TestOneOriginHasHalfOfThePlaces(t *testing.T) {
	k := newClerk(t, Options{AuthConcurrency: new(8)})
	for i := range 100 {
		k.ask(fmt.Sprint("crowd", i), "192.0.2.1")
	}
	require.Len(t, k.inFlight, 4)
	k.ask("alice", "198.51.100.1")
	require.Len(t, k.inFlight, 5)
	for i := range 10 {
		k.ask(fmt.Sprint("proxied", i), "")
	}
	require.Len(t, k.inFlight, 8, "which clients of unknown origin may all have")
	k.verdict("crowd0", nil)
	require.Len(t, k.inFlight, 8)
	require.Equal(t, "crowd4", k.asked[len(k.asked)-1], "whose turn it has been for a while")
	k.verdict("alice", nil)
	require.Equal(t, "proxied3", k.asked[len(k.asked)-1])
}

// An origin that stands for many clients has three quarters of the places, so that one of them does not hold up others.
func TestGatewayHasThreeQuartersOfThePlaces(t *testing.T) {
	k := newClerk(t, Options{AuthConcurrency: new(8)})
	for i := range 100 {
		k.askBy(Credentials{Login: fmt.Sprint("crowd", i), Origin: "172.17.0.1", Gateway: true})
	}
	require.Len(t, k.inFlight, 6)
	k.ask("alice", "198.51.100.1")
	require.Len(t, k.inFlight, 7)
}

// A login that is to be fresh is asked about although it is remembered, and Nextcloud's answer counts.
func TestFreshLogin(t *testing.T) {
	k := newClerk(t, Options{})
	k.login("alice")
	fresh := Credentials{Login: "alice", Password: "secret", Origin: "192.0.2.1", Fresh: true}
	m := k.askBy(fresh)
	k.requireNoAnswer(m)
	k.verdict("alice", errThrottled)
	k.requireAnswer(m, ErrThrottled)
	m = k.ask("alice", "198.51.100.1")
	k.requireAnswer(m, nil)
	m = k.askBy(fresh)
	k.verdict("alice", nil)
	k.requireAnswer(m, nil)
	require.Equal(t, []string{"alice", "alice", "alice"}, k.asked)
}

var errThrottled = fmt.Errorf("%w: %w", ErrOneLogin, ErrThrottled)

// That Nextcloud throttles an address says nothing of the same credentials from another one, and what it says of
// those there does not help a login that is to be fresh.
func TestVerdictOfAnotherAddress(t *testing.T) {
	k := newClerk(t, Options{})
	here, there := k.ask("alice", "192.0.2.1"), k.ask("alice", "198.51.100.1")
	k.verdict("alice", errThrottled)
	k.requireAnswer(here, ErrThrottled)
	k.requireAnswer(there, ErrOneLogin)
	require.NotErrorIs(t, k.answers[there].err, ErrThrottled)

	there = k.ask("alice", "198.51.100.1")
	k.requireNoAnswer(there)
	m := k.askBy(Credentials{Login: "alice", Password: "secret", Origin: "192.0.2.1", Fresh: true})
	k.requireAnswer(m, ErrOneLogin)
	require.NotErrorIs(t, k.answers[m].err, ErrThrottled)
	k.verdict("alice", nil)
	k.requireAnswer(there, nil)
}

// What was in the queue is not asked when its turn comes, if it may not be any more.
func TestCallsThatMayNotBeAskedAnyMore(t *testing.T) {
	k := newClerk(t, Options{AuthConcurrency: new(4)})
	refused := errors.New("refused")
	mayAsk := func() error {
		if len(k.asked) >= 3 {
			return refused
		}
		return nil
	}
	var guesses []*authenticate
	for i := range 10 {
		guesses = append(guesses, k.askBy(Credentials{Login: fmt.Sprint("guess ", i), Origin: "192.0.2.1", MayAsk: mayAsk}))
	}
	joined := k.askBy(Credentials{Login: "guess 5", Origin: "192.0.2.2"})
	require.Len(t, k.inFlight, 2)
	k.verdict("guess 0", ErrInvalidCredentials)
	require.Len(t, k.asked, 3)
	k.verdict("guess 1", ErrInvalidCredentials)
	for _, m := range guesses[3:] {
		k.requireAnswer(m, refused)
	}
	k.requireAnswer(joined, ErrOneLogin)
	k.verdict("guess 2", nil)
	require.Len(t, k.asked, 3)
	require.Empty(t, k.logins.calls)
	require.Empty(t, k.logins.queue.origins)
	k.login("alice")
}

// Few clients of one address may wait for their tokens at once. That there are too many is no fault of one.
func TestTokensAwaitedByOneAddress(t *testing.T) {
	k := newClerk(t, Options{})
	await := func(from string, gateway bool, times int) (refused int) {
		for i := range times {
			m := k.askBy(Credentials{Password: Secret(fmt.Sprint("token ", i)), Origin: from, Gateway: gateway})
			if _, answered := k.answers[m]; answered {
				k.requireAnswer(m, ErrTokenUnheard)
				refused++
			}
		}
		return refused
	}
	require.Equal(t, 4, await("192.0.2.1", false, 20))
	require.Equal(t, 1, await("192.0.2.2", false, 17))
	require.Equal(t, 100, await("172.17.0.1", true, 600))
	require.Zero(t, await("192.0.2.3", false, 16))
	k.pass(tokenWait)
	require.Zero(t, await("192.0.2.1", false, 16))
}

// The same failure is the answer for a moment that grows, from the second in a row on, to clients that come
// back each second.
func TestFailureIsRememberedForAMoment(t *testing.T) {
	k := newClerk(t, Options{})
	var asked []int
	for second := range 60 {
		m := k.ask("alice", "")
		if len(k.inFlight) > 0 {
			asked = append(asked, second)
			k.verdict("alice", errUnavailable)
		}
		k.requireAnswer(m, errUnavailable)
		k.pass(time.Second)
	}
	require.Equal(t, []int{0, 1, 3, 7, 15, 31, 47}, asked)
	k.pass(20 * time.Second)
	k.login("alice")
	require.Empty(t, k.logins.failed)
}

// A client that hangs up while its call waits costs nothing; once Nextcloud is asked, its answer counts.
func TestAbandonedCalls(t *testing.T) {
	k := newClerk(t, Options{AuthConcurrency: new(1)})
	first, second := k.ask("alice", ""), k.ask("bob", "")
	k.abandon(second)
	k.abandon(first)
	require.Len(t, k.logins.calls, 1)
	k.verdict("alice", ErrInvalidCredentials)
	k.requireAnswer(first, ErrInvalidCredentials)
	k.requireNoAnswer(second)
	require.Equal(t, []string{"alice"}, k.asked)

	asker, other := k.ask("carol", ""), k.ask("carol", "")
	k.abandon(other)
	k.abandon(other) // once more does no harm
	k.verdict("carol", nil)
	k.requireAnswer(asker, nil)
	k.requireNoAnswer(other)

	asker, other = k.ask("dave", ""), k.ask("dave", "")
	k.abandon(asker)
	k.verdict("dave", nil)
	k.requireAnswer(asker, nil) // who does not listen, but is counted
	k.requireAnswer(other, nil)
}

// Of the clients that wait for the same call the first that is still there counts as its asker.
func TestAskerOfAQueuedCallHangsUp(t *testing.T) {
	k := newClerk(t, Options{AuthConcurrency: new(1)})
	k.ask("alice", "")
	first, second := k.ask("bob", ""), k.ask("bob", "")
	k.abandon(first)
	k.verdict("alice", nil)
	k.abandon(second)
	k.verdict("bob", ErrInvalidCredentials)
	k.requireAnswer(second, ErrInvalidCredentials)
}

// A login that comes while a recheck of it is in flight, and is not good any more, waits for that.
func TestLoginJoinsRecheck(t *testing.T) {
	k := newClerk(t, Options{AuthMaxAge: new(10 * time.Minute)})
	k.connect("alice")
	k.pass(time.Second)
	k.login("alice")
	k.pass(10 * time.Minute)
	require.Len(t, k.inFlight, 1)
	m := k.ask("alice", "")
	require.Len(t, k.inFlight, 1)
	k.abandon(m)
	k.verdict("alice", nil)
	k.requireAnswer(m, nil)
	require.Empty(t, k.logins.rechecks)
}

// The next incarnation remembers what is still to be asked, that which was in flight included.
func TestNextIncarnationRechecks(t *testing.T) {
	k := newClerk(t, Options{})
	for _, user := range []string{"alice", "bob"} {
		k.connect(user)
		k.pass(time.Minute)
		k.login(user)
	}
	k.pass(9*time.Minute + time.Second)
	require.Len(t, k.inFlight, 1, "alice")
	k.logins = newLogins(k.logins.options, []byte("key"), k.logins)
	k.carryOut()
	require.Len(t, k.logins.rechecks, 2)
	lost := k.inFlight
	k.inFlight = nil
	k.logins.judged(lost[0].call, Identity{User: "alice"}, 0, nil, k.now)
	k.pass(time.Second)
	k.verdict("alice", ErrInvalidCredentials)
	k.pass(time.Minute)
	k.verdict("bob", nil)
	require.Equal(t, []string{"alice"}, k.ended)
}

// Nothing is to be done while nothing happens, however many are connected.
func TestIdleNeedsNoTicks(t *testing.T) {
	k := newClerk(t, Options{})
	for i := range 100 {
		k.connect(fmt.Sprint("user", i))
	}
	k.pass(time.Minute)
	require.Zero(t, k.logins.wakeAt())
}

// An Identity that ends is not good beyond its end.
func TestIdentityEnds(t *testing.T) {
	k := newClerk(t, Options{})
	m := k.ask("alice", "")
	k.logins.judged(k.inFlight[0].call, Identity{User: "alice"}, k.now+30*time.Second, nil, k.now)
	k.carryOut()
	k.requireAnswer(m, nil)
	k.inFlight = nil
	k.pass(29 * time.Second)
	k.login("alice")
	require.Len(t, k.asked, 1)
	k.pass(time.Second)
	m = k.ask("alice", "")
	require.Len(t, k.asked, 2)
	k.logins.judged(k.inFlight[0].call, Identity{User: "alice"}, k.now, nil, k.now)
	k.carryOut()
	k.requireAnswer(m, ErrInvalidCredentials)
}

// Credentials that Nextcloud takes for another user now are no longer good for the one before.
func TestCredentialsOfAnotherUser(t *testing.T) {
	k := newClerk(t, Options{AuthCacheTTL: new(time.Duration), AuthResume: new(time.Duration)})
	k.connect("alice")
	k.ask("alice", "")
	k.logins.judged(k.inFlight[0].call, Identity{User: "alice2"}, 0, nil, k.now)
	k.carryOut()
	require.Equal(t, []string{"alice"}, k.ended)
}

// What waits is removed at once, wherever in the queue it is: clients hang up all together.
func BenchmarkAbandon(b *testing.B) {
	options, _ := Options{}.completed()
	for b.Loop() {
		l := newLogins(&options, []byte("key"), nil)
		waiting := make([]*authenticate, 16384)
		for i := range waiting {
			waiting[i] = &authenticate{Credentials: &Credentials{Login: fmt.Sprint("user", i), Password: "secret"}}
			l.ask(waiting[i], time.Second)
		}
		for _, m := range slices.Backward(waiting) {
			l.abandon(m)
		}
	}
}
