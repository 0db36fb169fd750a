package transport

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// freeFailures is how many logins of an address may be refused before it has to wait.
	// Clients with an old password come back with it a few times.
	freeFailures = 10
	// freeFailuresOfName is how many of one user name may be, wherever they come from: each device of a user
	// may have an old password.
	freeFailuresOfName = 40
	// gatewayFactor is how many times as much as one client a gateway may have, whose address stands for many.
	gatewayFactor = 32
	// The wait doubles with each further refusal, from the first to the last. An address may be made to wait for
	// long; a user name for less, because anybody may try it, and so may a gateway, which others share.
	firstWait, lastWait               = time.Second, 5 * time.Minute
	lastWaitOfName, lastWaitOfGateway = time.Minute, 10 * time.Second
	// failureMemory is how long after the last wait failures are remembered.
	failureMemory = time.Hour
	// resetInterval is how often a login that succeeds resets the failures of its keys. Many users may
	// share an address with one old password; but a client that guesses may have a login to show, too.
	resetInterval = 5 * time.Minute
	// maxLimitedKeys bounds the keys that are remembered, because clients decide how many there are.
	maxLimitedKeys = 20_000
)

// rateKey is what failed logins are counted by: an address, a gateway's address, a user name behind a gateway, or
// a user name wherever it is tried. The zero value is not limited.
type rateKey struct {
	address netip.Addr // of IPv6, a prefix; invalid for a user name wherever it is tried
	gateway bool
	user    uint64 // a hash; 0 for an address
	strict  bool   // of pages that may be anybody's: they wait for the longest after one failure
}

// limit returns how often logins of a key may fail, and how long it then waits at most.
func (k rateKey) limit() (free int, last time.Duration) {
	switch {
	case k.gateway && k.user == 0:
		return freeFailures * gatewayFactor, lastWaitOfGateway
	case !k.gateway && k.user != 0:
		return freeFailuresOfName, lastWaitOfName
	default:
		return freeFailures, lastWait
	}
}

// attempt is a login by what it counts for.
type attempt struct {
	// own is who tries: an address, or a user name behind a gateway. It is zero for a token that is tried behind
	// a gateway: all browsers there would share it, and tokens cannot be guessed.
	own rateKey
	// shared are the user name, wherever it is tried, and the gateway. Others can make them wait, so they do not
	// hold where this name has logged in from this address before.
	shared []rateKey
	pair   uint64 // a hash of name and address; 0 for a token
}

// The hasher is that of the limit that it is for.
func newAttempt(hashes *hasher, from origin, user string) attempt {
	address := limitAddress(from.client)
	if user == "" {
		if from.gateway {
			return attempt{}
		}
		return attempt{own: ownKey(from)}
	}
	user = strings.ToLower(user)
	name := hashes.sum("name", user)
	a := attempt{
		own:    ownKey(from),
		shared: []rateKey{{user: name}},
		pair:   hashes.sum("pair", address.String(), user),
	}
	if from.gateway {
		a.own = rateKey{address, true, name, from.nullOrigin}
		a.shared = append(a.shared, addressKey(from))
	}
	return a
}

// ownKey returns the key of a client at an address.
func ownKey(from origin) rateKey {
	key := addressKey(from)
	key.strict = from.nullOrigin
	return key
}

// addressKey returns the key of an address, which may be a gateway's.
func addressKey(from origin) rateKey {
	return rateKey{address: limitAddress(from.client), gateway: from.gateway}
}

// loginRateLimit slows down clients that guess passwords: each refused login beyond the first few makes
// its keys wait longer before the next one. The zero value is ready to use, and safe for concurrent use.
type loginRateLimit struct {
	hasher *hasher // set once; its key is shared with other servers where failures are

	mu    sync.Mutex // guards the rest
	keys  map[rateKey]*failedLogins
	known recentPairs
	news  failureNews // for other servers
	heard map[uint64]heardFailures
}

type failedLogins struct {
	count     int
	until     time.Time // when the next login may be tried
	resetAt   time.Time // the last time
	lockedOut bool      // by Nextcloud, when it was asked last
}

// wait returns how long a key has to wait before its next login; 0 is not at all.
func (l *loginRateLimit) wait(key rateKey, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waitLocked(key, now)
}

func (l *loginRateLimit) waitLocked(key rateKey, now time.Time) time.Duration {
	l.adopt(key, now)
	var until time.Time
	if f := l.keys[key]; f != nil {
		until = f.until
	}
	if key.strict { // what others fail there counts for it, and not the other way round
		key.strict = false
		return max(until.Sub(now), l.waitLocked(key, now))
	}
	return max(until.Sub(now), 0)
}

// begin returns an error where a login has to wait. A strict key has one login at a time: the next one waits until release,
// succeeded or failed. lockedOut says that Nextcloud refused to judge the last one
// from there: what is remembered of a login does not count then.
func (l *loginRateLimit) begin(a attempt, now time.Time) (lockedOut bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waitLocked(a.own, now) > 0 {
		return false, errThrottled
	}
	for _, key := range a.shared {
		if l.waitLocked(key, now) > 0 && !l.known.has(a.pair) {
			return false, errSharedThrottled
		}
	}
	if a.own.strict {
		l.of(a.own, now).until = now.Add(lastWait)
	}
	f := l.keys[a.own]
	return f != nil && f.lockedOut, nil
}

// release lets a strict key try the next login.
func (l *loginRateLimit) release(a attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.releaseLocked(a)
}

func (l *loginRateLimit) releaseLocked(a attempt) {
	if f := l.keys[a.own]; f != nil && a.own.strict {
		f.until = time.Time{}
	}
}

// refused counts a login that was refused.
func (l *loginRateLimit) refused(a attempt, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail(a.own, now)
	for _, key := range a.shared {
		l.fail(key, now)
	}
}

// notJudged counts a login that Nextcloud did not judge, because too many from that address have failed: more of
// them are not asked about at once.
func (l *loginRateLimit) notJudged(a attempt, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.fail(a.own, now); f != nil {
		f.exhaust(a.own, now)
		f.lockedOut = true
	}
	for _, key := range a.shared {
		if f := l.fail(key, now); key.gateway {
			f.exhaust(key, now)
		}
	}
}

// fail counts a failure of a key; nil where that is not limited.
func (l *loginRateLimit) fail(key rateKey, now time.Time) *failedLogins {
	if key == (rateKey{}) {
		return nil
	}
	l.adopt(key, now)
	f := l.of(key, now)
	f.fail(key, 1, now)
	l.noteFailure(key, now)
	return f
}

func (f *failedLogins) fail(key rateKey, times int, now time.Time) {
	if now.Sub(f.until) > failureMemory {
		f.count = 0
	}
	f.count += times
	if until := now.Add(waitAfter(key, f.count)); until.After(f.until) {
		f.until = until
	}
}

// of returns what is remembered of a key, from now on.
func (l *loginRateLimit) of(key rateKey, now time.Time) *failedLogins {
	if l.keys == nil {
		l.keys = map[rateKey]*failedLogins{}
	}
	f := l.keys[key]
	if f == nil {
		if len(l.keys) >= maxLimitedKeys {
			l.makeRoom(now)
		}
		f = &failedLogins{}
		l.keys[key] = f
	}
	return f
}

// exhaust has a key wait from now on.
func (f *failedLogins) exhaust(key rateKey, now time.Time) {
	free, _ := key.limit()
	f.count = max(f.count, free)
	f.until = now.Add(waitAfter(key, f.count))
}

// waitAfter returns how long a key waits after that many failures.
func waitAfter(key rateKey, failures int) time.Duration {
	free, last := key.limit()
	if key.strict {
		return lastWait
	}
	if failures < free {
		return 0
	}
	return min(firstWait<<min(failures-free, 20), last)
}

// succeeded resets the failures of a login's keys, unless that was done lately. judged says that Nextcloud was
// asked, in any case.
func (l *loginRateLimit) succeeded(a attempt, judged bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.keys[a.own]; f != nil && judged {
		f.lockedOut = false
	}
	l.releaseLocked(a)
	l.reset(a.own, now)
	for _, key := range a.shared {
		l.reset(key, now)
	}
	if a.pair != 0 {
		if !l.known.has(a.pair) {
			l.notePair(a.pair, now)
		}
		l.known.add(a.pair)
	}
}

func (l *loginRateLimit) reset(key rateKey, now time.Time) {
	if f := l.keys[key]; f != nil && now.Sub(f.resetAt) >= resetInterval {
		*f = failedLogins{resetAt: now, lockedOut: f.lockedOut}
		l.noteReset(key, now)
	}
}

// recentPairs are hashes of user names and addresses that have logged in. The zero value is empty.
type recentPairs struct {
	young, old map[uint64]struct{}
}

// maxPairs bounds the pairs of one age.
const maxPairs = 1 << 17

func (r *recentPairs) has(pair uint64) bool {
	_, young := r.young[pair]
	_, old := r.old[pair]
	return young || old
}

// add notes a pair. Those that have not been added for long are forgotten.
func (r *recentPairs) add(pair uint64) {
	if len(r.young) >= maxPairs {
		r.old, r.young = r.young, nil
	}
	if r.young == nil {
		r.young = map[uint64]struct{}{}
	}
	r.young[pair] = struct{}{}
}

// Throttled is an address whose logins have to wait because too many have failed.
type Throttled struct {
	Address  string    `json:"address"` // of IPv6, the first of its /56
	Gateway  bool      `json:"gateway"` // it stands for many clients, and one user name of theirs has to wait
	Failures int       `json:"failures"`
	Until    time.Time `json:"until"`
}

// Throttled returns up to limit of the addresses that have to wait, those that wait longest first, and how many
// there are.
func (w *Websocket) Throttled(limit int) (list []Throttled, all int) {
	list = w.rateLimit.list(time.Now())
	slices.SortFunc(list, func(a, b Throttled) int { return b.Until.Compare(a.Until) })
	return list[:min(len(list), limit)], len(list)
}

func (l *loginRateLimit) list(now time.Time) (list []Throttled) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, f := range l.keys {
		if byName := key.user != 0 && !key.gateway; !byName && f.until.After(now) { // of a name there is only a hash
			list = append(list, Throttled{key.address.String(), key.user != 0, f.count, f.until})
		}
	}
	return list
}

// ClearRateLimit forgets the failed logins of an address, and of the user names that were tried behind it, and reports
// whether there were any.
func (w *Websocket) ClearRateLimit(address netip.Addr) bool {
	l := &w.rateLimit
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.keys)
	for key := range l.keys {
		if key.address == address || key.address == limitAddress(address) {
			delete(l.keys, key)
			delete(l.heard, l.hash(key))
			l.noteReset(key, time.Now())
		}
	}
	return len(l.keys) < before
}

// makeRoom forgets a tenth of the keys at least: those that need not wait first, then any.
func (l *loginRateLimit) makeRoom(now time.Time) {
	for key, f := range l.keys {
		if !f.until.After(now) {
			delete(l.keys, key)
		}
	}
	for key := range l.keys {
		if len(l.keys) <= maxLimitedKeys*9/10 {
			return
		}
		delete(l.keys, key)
	}
}
