package transport

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// freeFailures is how many logins of an address may be refused before it has to wait. Clients
	// with an old password come back with it a few times.
	freeFailures = 10
	// The wait doubles with each further refusal, from the first to the last.
	firstPenalty, lastPenalty = time.Second, 5 * time.Minute
	// forgiveness is how long after the last wait failures are forgotten.
	forgiveness = time.Hour
	// pardonEvery is how often a login that succeeds has an address's failures forgotten at once. Many
	// users may share the address with one old password; but who guesses may have a login to show, too.
	pardonEvery = 5 * time.Minute
	// maxPenalties bounds the addresses that are remembered, for strangers decide how many there are.
	maxPenalties = 10_000
)

// penalties slow down addresses that guess: each refused login beyond the first few makes the
// address wait longer before it may try again. The zero value is ready to use.
type penalties struct {
	mu        sync.Mutex
	offenders map[netip.Addr]*offender
}

type offender struct {
	failures int
	until    time.Time // when it may try again
	pardoned time.Time
}

// wait returns how long an address has to wait before its next login; 0 is not at all.
func (p *penalties) wait(address netip.Addr, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.offenders[address]; o != nil {
		return max(o.until.Sub(now), 0)
	}
	return 0
}

// fail counts a refused login.
func (p *penalties) fail(address netip.Addr, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.offenders == nil {
		p.offenders = map[netip.Addr]*offender{}
	}
	o := p.offenders[address]
	if o == nil {
		if len(p.offenders) >= maxPenalties {
			p.forget(now)
		}
		o = &offender{}
		p.offenders[address] = o
	}
	if now.Sub(o.until) > forgiveness {
		o.failures = 0
	}
	o.failures++
	o.until = now.Add(penalty(o.failures))
}

// penalty returns how long to wait after that many failures.
func penalty(failures int) time.Duration {
	if failures < freeFailures {
		return 0
	}
	return min(firstPenalty<<min(failures-freeFailures, 20), lastPenalty)
}

// succeed pardons an address, unless that was done lately.
func (p *penalties) succeed(address netip.Addr, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.offenders[address]; o != nil && now.Sub(o.pardoned) >= pardonEvery {
		*o = offender{pardoned: now}
	}
}

// forget makes room: those whose time was over first, and else anybody.
func (p *penalties) forget(now time.Time) {
	for address, o := range p.offenders {
		if !o.until.After(now) {
			delete(p.offenders, address)
		}
	}
	for address := range p.offenders {
		if len(p.offenders) < maxPenalties {
			return
		}
		delete(p.offenders, address)
	}
}
