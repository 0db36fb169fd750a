package actors

import (
	"container/heap"
	"time"
)

const (
	// recheckInterval is the least time between the starts of two rechecks.
	recheckInterval = 100 * time.Millisecond
	// maxRechecks bounds the rechecks in flight.
	maxRechecks = 8
	// recheckPause is how long rechecks wait after one that Nextcloud could not answer.
	recheckPause = 10 * time.Second
	// resetRecheck is within what time Nextcloud is asked about a login that comes back after a reset.
	resetRecheck = time.Minute
	// recheckPatience is after how many times Options.AuthRecheck a recheck that Nextcloud could not
	// answer is given up: its password is not kept for longer.
	recheckPatience = 6
)

// recheck is the question to Nextcloud that a login from memory still has to be asked.
type recheck struct {
	login       *verifiedLogin
	credentials *Credentials // until the verdict
	due         time.Duration
	giveUp      time.Duration
	failures    int
	index       int // in the heap; -1 outside
}

// recheckQueue is a heap.Interface of rechecks, the next one first.
type recheckQueue []*recheck

func (q recheckQueue) Len() int           { return len(q) }
func (q recheckQueue) Less(i, j int) bool { return q[i].due < q[j].due }
func (q recheckQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *recheckQueue) Push(r any) {
	r.(*recheck).index = len(*q)
	*q = append(*q, r.(*recheck))
}

func (q *recheckQueue) Pop() any {
	last := len(*q) - 1
	r := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	r.index = -1
	return r
}

// recheckLater has Nextcloud asked about a login that was admitted from memory: at a random moment of the
// next Options.AuthRecheck, and once in that time however often it comes back.
func (l *logins) recheckLater(v *verifiedLogin, credentials *Credentials, now time.Duration) {
	if v.recheck != nil {
		return
	}
	within := *l.options.AuthRecheck
	from := now
	if v.reset {
		within = min(within, resetRecheck)
	} else if v.recheckedAt > 0 {
		from = max(now, v.recheckedAt+within)
	}
	credentials.MayAsk = nil // it is asked whatever has become of the client, and would keep that in memory
	v.recheck = &recheck{
		login:       v,
		credentials: credentials,
		due:         from + l.random(now+within-from+1),
		giveUp:      now + recheckPatience**l.options.AuthRecheck,
	}
	heap.Push(&l.rechecks, v.recheck)
}

// startRechecks starts the rechecks that are due, behind the logins that wait.
func (l *logins) startRechecks(now time.Duration) {
	for l.canRecheck() && now >= l.recheckAt() {
		r := heap.Pop(&l.rechecks).(*recheck)
		if c := l.calls[r.login.digest]; c != nil {
			c.recheck = r
			continue
		}
		l.nextRecheck = now + recheckInterval
		c := &call{digest: r.login.digest, credentials: r.credentials, recheck: r, queuedAt: now}
		l.calls[c.digest] = c
		l.start(c, now)
	}
}

// canRecheck reports whether a recheck may start: half of the places are kept free for logins.
func (l *logins) canRecheck() bool {
	most := l.concurrency()
	switch {
	case len(l.rechecks) == 0 || !l.queue.isEmpty():
		return false
	case most == 0:
		return l.inFlight.rechecks < maxRechecks
	default:
		half := max(most/2, 1)
		return l.inFlight.rechecks < min(half, maxRechecks) && l.inFlight.recent < half
	}
}

// recheckAt is when the next recheck may start.
func (l *logins) recheckAt() time.Duration { return max(l.rechecks[0].due, l.nextRecheck) }

// endRecheck forgets what is still to be asked about a login, and its password.
func (l *logins) endRecheck(v *verifiedLogin) {
	r := v.recheck
	if r == nil {
		return
	}
	if r.index >= 0 && len(l.rechecks) > r.index && l.rechecks[r.index] == r {
		heap.Remove(&l.rechecks, r.index)
	}
	r.credentials = nil
	v.recheck = nil
}

// retryRecheck has a question asked again that Nextcloud could not answer.
func (l *logins) retryRecheck(r *recheck, now time.Duration) {
	if now >= r.giveUp || l.verified[r.login.digest] != r.login {
		l.endRecheck(r.login)
		return
	}
	within := *l.options.AuthRecheck
	wait := max(min(within/10<<min(r.failures, 4), within), time.Second)
	r.failures++
	r.due = now + wait/2 + l.random(wait/2+1)
	heap.Push(&l.rechecks, r)
}
