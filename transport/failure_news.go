package transport

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Several servers of one Nextcloud count failed logins together: each tells the others now and then which it has counted, by
// keyed hashes of addresses and user names, and which names have logged in from which addresses.

const (
	// maxFailureNews and maxPairNews bound what is told at once, and maxUntold what waits for that.
	maxFailureNews, maxPairNews, maxUntold = 500, 1000, 10_000
	// untoldTime is how long failures wait for being told. Without another server nobody is told.
	untoldTime = 10 * time.Second
	// maxFailuresAtOnce bounds what one server says of one key at once.
	maxFailuresAtOnce = 1 << 20
)

var errFailureNews = errors.New("malformed news of failed logins")

// failureNews is what other servers are told.
type failureNews struct {
	Failures []keyNews `json:"failures,omitempty"`
	Known    []uint64  `json:"known,omitempty"` // pairs

	waiting map[uint64]*keyNews
	pairs   map[uint64]struct{}
	since   time.Time // when something began to wait
}

// keyNews is what has become of a key.
type keyNews struct {
	Key   uint64 `json:"key"`
	Count int    `json:"count,omitempty"`
	Reset bool   `json:"reset,omitempty"` // before the failures of Count
}

// heardFailures are those that other servers have counted of a key that has not been needed here since.
type heardFailures struct {
	count int
	reset bool
	at    time.Time
}

// FailureNews returns the failed logins since it was called last, for LearnFailures of other servers; nil where there are none.
// It is called every few seconds at least, or failures are forgotten.
func (w *Websocket) FailureNews() json.RawMessage {
	l := &w.rateLimit
	l.mu.Lock()
	news := l.news.take()
	l.mu.Unlock()
	if len(news.Failures)+len(news.Known) == 0 {
		return nil
	}
	text, _ := json.Marshal(news) // cannot fail
	return text
}

// LearnFailures counts the failed logins that another server with the same WebsocketOptions.FailureKey has counted. It can be
// trusted: what comes here must be authenticated.
func (w *Websocket) LearnFailures(text json.RawMessage) error {
	var news failureNews
	if err := json.Unmarshal(text, &news); err != nil {
		return fmt.Errorf("%w: %w", errFailureNews, err)
	}
	if len(news.Failures) > maxFailureNews || len(news.Known) > maxPairNews {
		return errFailureNews
	}
	l, now := &w.rateLimit, time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range news.Failures {
		if n.Count >= 0 && n.Count <= maxFailuresAtOnce {
			l.hear(n, now)
		}
	}
	for _, pair := range news.Known {
		l.known.add(pair)
	}
	return nil
}

// hear notes failures until their key is needed: only then it is known what it is the hash of.
func (l *loginRateLimit) hear(n keyNews, now time.Time) {
	h := l.heard[n.Key]
	if n.Reset || now.Sub(h.at) > failureMemory {
		h = heardFailures{reset: n.Reset || h.reset}
	}
	h.count, h.at = h.count+n.Count, now
	if l.heard == nil {
		l.heard = map[uint64]heardFailures{}
	}
	if len(l.heard) >= maxLimitedKeys {
		l.forgetHeard(now)
	}
	l.heard[n.Key] = h
}

// forgetHeard makes room: the old ones go first, then any.
func (l *loginRateLimit) forgetHeard(now time.Time) {
	for key, h := range l.heard {
		if now.Sub(h.at) > lastWait {
			delete(l.heard, key)
		}
	}
	for key := range l.heard {
		if len(l.heard) <= maxLimitedKeys*9/10 {
			return
		}
		delete(l.heard, key)
	}
}

// adopt counts what was heard of a key.
func (l *loginRateLimit) adopt(key rateKey, now time.Time) {
	if len(l.heard) == 0 || key == (rateKey{}) {
		return
	}
	sum := l.hash(key)
	h, heard := l.heard[sum]
	if !heard {
		return
	}
	delete(l.heard, sum)
	f := l.of(key, now)
	if h.reset {
		*f = failedLogins{resetAt: h.at, lockedOut: f.lockedOut}
	}
	if h.count > 0 {
		f.fail(key, h.count, h.at)
	}
}

// hash stands for a key.
func (l *loginRateLimit) hash(key rateKey) uint64 {
	return l.hasher.sum("key", key.address.String(), fmt.Sprint(key.gateway, key.user, key.strict))
}

func (l *loginRateLimit) noteFailure(key rateKey, now time.Time) {
	if n := l.newsOf(key, now); n != nil {
		n.Count++
	}
}

func (l *loginRateLimit) noteReset(key rateKey, now time.Time) {
	if n := l.newsOf(key, now); n != nil {
		n.Reset, n.Count = true, 0
	}
}

// newsOf returns the news of a key; nil where nobody is told.
func (l *loginRateLimit) newsOf(key rateKey, now time.Time) *keyNews {
	if !l.tells(now) || len(l.news.waiting) >= maxUntold {
		return nil
	}
	sum := l.hash(key)
	n := l.news.waiting[sum]
	if n == nil {
		n = &keyNews{Key: sum}
		l.news.waiting[sum] = n
	}
	return n
}

func (l *loginRateLimit) notePair(pair uint64, now time.Time) {
	if l.tells(now) && len(l.news.pairs) < maxUntold {
		l.news.pairs[pair] = struct{}{}
	}
}

// tells reports whether there are others to be told. What has waited for too long is forgotten: there were none.
func (l *loginRateLimit) tells(now time.Time) bool {
	if l.hasher == nil {
		return false
	}
	n := &l.news
	if empty := len(n.waiting)+len(n.pairs) == 0; empty || now.Sub(n.since) > untoldTime {
		*n = failureNews{waiting: map[uint64]*keyNews{}, pairs: map[uint64]struct{}{}, since: now}
	}
	return true
}

// take returns what is told now.
func (n *failureNews) take() (told failureNews) {
	if time.Since(n.since) > untoldTime {
		*n = failureNews{}
	}
	for key, news := range n.waiting {
		if len(told.Failures) == maxFailureNews {
			break
		}
		told.Failures = append(told.Failures, *news)
		delete(n.waiting, key)
	}
	for pair := range n.pairs {
		if len(told.Known) == maxPairNews {
			break
		}
		told.Known = append(told.Known, pair)
		delete(n.pairs, pair)
	}
	n.since = time.Now()
	return told
}
