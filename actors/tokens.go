package actors

import (
	"maps"
	"slices"
	"time"
)

const (
	// tokenTime is how long a pre-authenticated token is good.
	tokenTime = 15 * time.Second
	// tokenWait is how long a client waits that brings an unknown token and no name: Nextcloud gives the
	// token to the client and to Redis at once, and the client may be the faster one.
	tokenWait = 500 * time.Millisecond
	// maxTokens bounds the tokens that nobody has used. Beyond, any other makes room.
	maxTokens = 10_000
	// maxAwaiting bounds the clients that wait so: they are unauthenticated. One origin has maxAwaitingOfOrigin of
	// the places, and half of them where it stands for many clients; the empty one is not known.
	maxAwaiting, maxAwaitingOfOrigin = 1000, 16
)

// tokens are those that Nextcloud has issued and nobody has used, and the clients that came before their
// token. Like logins, whose part it is, it is a plain state machine.
type tokens struct {
	issued  map[digest]issuedToken
	waiting []awaitedToken // the one that waits longest first
}

type issuedToken struct {
	user  string
	until time.Duration
}

// awaitedToken is a client that waits for its token.
type awaitedToken struct {
	digest digest
	client *authenticate
	until  time.Duration
}

func newTokens() tokens { return tokens{issued: map[digest]issuedToken{}} }

// issue notes a token.
func (t *tokens) issue(sum digest, user string, now time.Duration) {
	if _, known := t.issued[sum]; !known && len(t.issued) >= maxTokens {
		for other := range t.issued {
			delete(t.issued, other)
			break
		}
	}
	t.issued[sum] = issuedToken{user, now + tokenTime}
}

// redeem uses up a token.
func (t *tokens) redeem(sum digest, now time.Duration) (user string, ok bool) {
	token, ok := t.issued[sum]
	delete(t.issued, sum)
	return token.user, ok && token.until > now
}

// await notes a client that waits for a token, and reports whether there is room for it.
func (t *tokens) await(sum digest, m *authenticate, now time.Duration) bool {
	if len(t.waiting) >= maxAwaiting || m.origin != "" && t.ofOrigin(m.origin) >= mostAwaiting(m.Credentials.Gateway) {
		return false
	}
	t.waiting = append(t.waiting, awaitedToken{sum, m, now + tokenWait})
	return true
}

func mostAwaiting(gateway bool) int {
	if gateway {
		return maxAwaiting / 2
	}
	return maxAwaitingOfOrigin
}

// ofOrigin returns how many of those that wait come from one origin.
func (t *tokens) ofOrigin(origin string) (n int) {
	for _, w := range t.waiting {
		if w.client.origin == origin {
			n++
		}
	}
	return n
}

// next takes out the client that waits for a token the longest and has not hung up; nil where none does.
func (t *tokens) next(sum digest) *authenticate {
	at := slices.IndexFunc(t.waiting, func(w awaitedToken) bool { return w.digest == sum && !w.client.isAbandoned.Load() })
	if at < 0 {
		return nil
	}
	m := t.waiting[at].client
	t.waiting = slices.Delete(t.waiting, at, at+1)
	return m
}

// overdue takes out a client that has waited for long enough; nil where there is none.
func (t *tokens) overdue(now time.Duration) *authenticate {
	if len(t.waiting) == 0 || t.waiting[0].until > now {
		return nil
	}
	m := t.waiting[0].client
	t.waiting = slices.Delete(t.waiting, 0, 1)
	return m
}

// sweep forgets the tokens that have expired.
func (t *tokens) sweep(now time.Duration) {
	maps.DeleteFunc(t.issued, func(_ digest, token issuedToken) bool { return token.until <= now })
}

// clear takes out everybody who waits.
func (t *tokens) clear() (waiting []*authenticate) {
	for _, w := range t.waiting {
		waiting = append(waiting, w.client)
	}
	t.waiting = nil
	return waiting
}
