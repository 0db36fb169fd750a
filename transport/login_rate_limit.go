package transport

import (
	"hash/maphash"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// freeFailures is how many logins of one key may be refused before it has to wait.
	// Clients with an old password come back with it a few times.
	freeFailures = 10
	// The wait doubles with each further refusal, from the first to the last.
	firstWait, lastWait = time.Second, 5 * time.Minute
	// failureMemory is how long after the last wait failures are remembered.
	failureMemory = time.Hour
	// resetInterval is how often a login that succeeds resets the failures of its key. Many users may
	// share an address with one old password; but a client that guesses may have a login to show, too.
	resetInterval = 5 * time.Minute
	// maxLimitedKeys bounds the keys that are remembered, because clients decide how many there are.
	maxLimitedKeys = 10_000
)

// rateKey is what failed logins are counted by: an address, or behind a gateway, whose address
// stands for many clients, the user name that was tried there. The zero value is not limited.
type rateKey struct {
	address netip.Addr
	user    uint64 // a hash
	strict  bool   // one failure counts as much as all that are free; of pages that may be anybody's
}

var userHashSeed = maphash.MakeSeed()

// loginRateKey returns the key of a login. A token that is tried behind a gateway has none: all
// browsers there would share it, and tokens cannot be guessed.
func loginRateKey(from origin, user string) rateKey {
	switch {
	case !from.gateway:
		return rateKey{address: limitAddress(from.client), strict: from.nullOrigin}
	case user == "":
		return rateKey{}
	default:
		return rateKey{from.client, maphash.String(userHashSeed, strings.ToLower(user)), from.nullOrigin}
	}
}

// loginRateLimit slows down clients that guess passwords: each refused login beyond the first few makes
// its key wait longer before the next one. The zero value is ready to use, and safe for concurrent use.
type loginRateLimit struct {
	mu   sync.Mutex
	keys map[rateKey]*failedLogins
}

type failedLogins struct {
	count   int
	until   time.Time // when the next login may be tried
	resetAt time.Time // the last time
}

// wait returns how long a key has to wait before its next login; 0 is not at all.
func (l *loginRateLimit) wait(key rateKey, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.remaining(key, now)
}

func (l *loginRateLimit) remaining(key rateKey, now time.Time) time.Duration {
	var until time.Time
	if f := l.keys[key]; f != nil {
		until = f.until
	}
	if key.strict { // what others fail there counts for it, and not the other way round
		key.strict = false
		if f := l.keys[key]; f != nil && f.until.After(until) {
			until = f.until
		}
	}
	return max(until.Sub(now), 0)
}

// begin reports whether a key may try a login now. A strict one has one at a time: it waits until release, succeeded or failed.
func (l *loginRateLimit) begin(key rateKey, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.remaining(key, now) > 0 {
		return false
	}
	if key.strict {
		l.of(key, now).until = now.Add(lastWait)
	}
	return true
}

// release lets a strict key try the next login.
func (l *loginRateLimit) release(key rateKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.keys[key]; f != nil && key.strict {
		f.until = time.Time{}
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

// failed counts a refused login.
func (l *loginRateLimit) failed(key rateKey, now time.Time) {
	if key == (rateKey{}) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.of(key, now)
	if now.Sub(f.until) > failureMemory {
		f.count = 0
	}
	f.count++
	f.until = now.Add(waitAfter(f.count))
	if key.strict {
		f.until = now.Add(lastWait)
	}
}

// waitAfter returns how long to wait after that many failures.
func waitAfter(failures int) time.Duration {
	if failures < freeFailures {
		return 0
	}
	return min(firstWait<<min(failures-freeFailures, 20), lastWait)
}

// succeeded resets the failures of a key, unless that was done lately.
func (l *loginRateLimit) succeeded(key rateKey, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.keys[key]; f != nil && now.Sub(f.resetAt) >= resetInterval {
		*f = failedLogins{resetAt: now}
	}
}

// Throttled is an address whose logins have to wait because too many have failed.
type Throttled struct {
	Address  string    `json:"address"` // of IPv6, the first of its /64
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
		if f.until.After(now) {
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
	maps.DeleteFunc(l.keys, func(key rateKey, _ *failedLogins) bool {
		return key.address == address || key.address == limitAddress(address)
	})
	return len(l.keys) < before
}

// makeRoom forgets keys: those that need not wait first, then any.
func (l *loginRateLimit) makeRoom(now time.Time) {
	for key, f := range l.keys {
		if !f.until.After(now) {
			delete(l.keys, key)
		}
	}
	for key := range l.keys {
		if len(l.keys) < maxLimitedKeys {
			return
		}
		delete(l.keys, key)
	}
}
