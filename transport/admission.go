package transport

import (
	"net/netip"
	"sync"
)

// retryAfter is what clients are told to wait when there is no room, in seconds.
const retryAfter = "60"

// Limits bound what clients, and strangers, may take. 0 is no limit.
type Limits struct {
	// Connections is how many sockets there may be in all.
	Connections int
	// Logins is how many of them may not have logged in yet.
	Logins int
	// LoginsPerAddress is how many of those may come from one address. It is not kept for trusted
	// proxies: one that does not say for whom it speaks stands for many.
	LoginsPerAddress int
	// Sockets is how many there may be that are or may become a websocket; see CountSockets.
	Sockets int
}

// admission counts sockets, and turns away those that are too many.
type admission struct {
	limits  Limits
	sockets sync.WaitGroup

	mu       sync.Mutex
	visitors int // sockets of HTTP
	open     int
	login    int
	logins   map[netip.Addr]int
}

// admit counts a socket in, as open and not logged in, or says why there is no room for it.
func (a *admission) admit(address netip.Addr, proxy bool) (refusal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	reached := func(n, limit int) bool { return limit > 0 && n >= limit }
	switch {
	case reached(a.open, a.limits.Connections):
		return "this server has as many connections as it can hold"
	case reached(a.login, a.limits.Logins):
		return "too many clients are logging in"
	case !proxy && reached(a.logins[address], a.limits.LoginsPerAddress):
		return "too many clients are logging in from this address"
	}
	a.open++
	a.login++
	a.logins[address]++
	a.sockets.Add(1)
	return ""
}

// leaveLogin says that a socket logged in, or never will.
func (a *admission) leaveLogin(address netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.login--
	if a.logins[address]--; a.logins[address] == 0 {
		delete(a.logins, address)
	}
}

// leave says that a socket is closed.
func (a *admission) leave() {
	a.mu.Lock()
	a.open--
	a.mu.Unlock()
	a.sockets.Done()
}
