package transport

import (
	"net"
	"net/netip"
	"sync"
)

// retryAfter is what clients are told to wait when there is no room, in seconds.
const retryAfter = "60"

const tooManyOfAddress = "too many clients of this address have not logged in"

// Limits bound what clients, and strangers, may take. 0 is no limit.
type Limits struct {
	// Connections is how many websockets there may be in all.
	Connections int `flag:"max-connections" env:"MAX_CONNECTIONS" default:"0" placeholder:"N" group:"Limits" help:"How many connections are held before new ones are sent away. 0 derives it from the limit of open files."`
	// Logins is how many of them may not have logged in yet.
	Logins int `flag:"max-unauthenticated" env:"MAX_UNAUTHENTICATED" default:"16384" placeholder:"N" group:"Limits" help:"How many connections that have not logged in are held. 0 sets no limit."`
	// LoginsPerAddress is how many of those may come from one address. Sockets that are not yet a
	// websocket count too; see CountSockets. It is not kept for trusted proxies: one that does not
	// say for whom it speaks stands for many.
	LoginsPerAddress int `flag:"max-unauthenticated-per-address" env:"MAX_UNAUTHENTICATED_PER_ADDRESS" default:"256" placeholder:"N" group:"Limits" help:"How many of them one client address may have. 0 sets no limit."`
	// Sockets is how many there may be that are or may become a websocket; see CountSockets.
	Sockets int
}

// reached reports whether a limit leaves no room for one more than n.
func reached(n, limit int) bool { return limit > 0 && n >= limit }

// admission counts sockets, and turns away those that are too many.
type admission struct {
	limits  Limits
	sockets sync.WaitGroup

	mu        sync.Mutex
	visitors  map[net.Conn]netip.Addr // sockets of HTTP that may become a websocket, and the address that each counts for; zero is none
	open      int
	login     int
	strangers map[netip.Addr]int // visitors and logins
}

// visit counts a socket of HTTP in, or says why there is no room for it. It counts for an address
// unless that is zero.
func (a *admission) visit(conn net.Conn, address netip.Addr) (refusal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case reached(len(a.visitors)+a.open, a.limits.Sockets):
		return "this server has as many sockets as it can hold"
	case address.IsValid() && reached(a.strangers[address], a.limits.LoginsPerAddress):
		return tooManyOfAddress
	}
	a.visitors[conn] = address
	if address.IsValid() {
		a.strangers[address]++
	}
	return ""
}

// endVisit says that a socket of HTTP is closed, or none of HTTP any more.
func (a *admission) endVisit(conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forgetVisitor(conn)
}

func (a *admission) forgetVisitor(conn net.Conn) {
	address := a.visitors[conn]
	delete(a.visitors, conn)
	if address.IsValid() {
		a.forgetStranger(address)
	}
}

func (a *admission) forgetStranger(address netip.Addr) {
	if a.strangers[address]--; a.strangers[address] == 0 {
		delete(a.strangers, address)
	}
}

// admit counts a socket in, as open and not logged in, or says why there is no room for it. If it was
// a visitor, it is none any more: it counts once, also while its handshake is answered.
func (a *admission) admit(visitor net.Conn, address netip.Addr, proxy bool) (refusal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	others := a.strangers[address]
	if peer := a.visitors[visitor]; peer.IsValid() && peer == address {
		others--
	}
	switch {
	case reached(a.open, a.limits.Connections):
		return "this server has as many connections as it can hold"
	case reached(a.login, a.limits.Logins):
		return "too many clients are logging in"
	case !proxy && reached(others, a.limits.LoginsPerAddress):
		return tooManyOfAddress
	}
	a.forgetVisitor(visitor)
	a.open++
	a.login++
	a.strangers[address]++
	a.sockets.Add(1)
	return ""
}

// leaveLogin says that a socket logged in, or never will.
func (a *admission) leaveLogin(address netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.login--
	a.forgetStranger(address)
}

// leave says that a socket is closed.
func (a *admission) leave() {
	a.mu.Lock()
	a.open--
	a.mu.Unlock()
	a.sockets.Done()
}

// Weight returns how many sockets there are that are or may become a websocket. One that is logging in
// counts twice: it has a goroutine, and takes more memory than when it has logged in.
func (a *admission) Weight() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.visitors) + a.open + a.login
}
