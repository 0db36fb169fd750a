package transport

import (
	"net"
	"net/netip"
	"sync"
)

// retryAfter is how long clients are asked to wait when there is no room, in seconds.
const retryAfter = "60"

const tooManyOfAddress = "too many clients of this address have not logged in"

// Limits bound what clients may take, and those before all that have not logged in. 0 is no limit.
type Limits struct {
	// Connections is how many websockets there may be in all.
	Connections int `flag:"max-connections" reload:"true" env:"MAX_CONNECTIONS" default:"0" placeholder:"N" group:"Limits" help:"How many connections are held before new ones are sent away. 0 derives it from the limit of open files."`
	// Logins is how many of them may not have logged in yet.
	Logins int `flag:"max-unauthenticated" reload:"true" env:"MAX_UNAUTHENTICATED" default:"16384" placeholder:"N" group:"Limits" help:"How many connections that have not logged in are held. 0 sets no limit."`
	// LoginsPerAddress is how many of those may come from one address. Sockets that are not yet a
	// websocket count too; see Intercept. It does not hold for trusted proxies, nor for addresses among
	// them, such as that of a container's gateway: those stand for many clients.
	LoginsPerAddress int `flag:"max-unauthenticated-per-address" reload:"true" env:"MAX_UNAUTHENTICATED_PER_ADDRESS" default:"256" placeholder:"N" group:"Limits" help:"How many of them one client address may have. 0 sets no limit."`
	// Sockets is how many there may be that are or may become a websocket; see Intercept.
	Sockets int
}

// reached reports whether a limit leaves no room for one more than n.
func reached(n, limit int) bool { return limit > 0 && n >= limit }

// SetLimits has other limits count from now on. Sockets that are there already stay.
func (a *admission) SetLimits(limits Limits) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.limits = limits
}

// admission counts sockets, and refuses those that are too many. An address that is the zero value is
// not counted. It is safe for concurrent use.
type admission struct {
	sockets sync.WaitGroup

	mu              sync.Mutex // guards the rest
	limits          Limits
	pending         map[net.Conn]pendingSocket // without a handshake
	open            int
	login           int
	unauthenticated map[netip.Addr]int // pending, and logins
}

type pendingSocket struct {
	address    netip.Addr // that it counts for
	handedOver bool       // to net/http, which closes it
}

func newAdmission(limits Limits) admission {
	return admission{limits: limits, pending: map[net.Conn]pendingSocket{}, unauthenticated: map[netip.Addr]int{}}
}

// accept counts a socket in that has sent nothing yet, or says why there is no room for it.
func (a *admission) accept(conn net.Conn, address netip.Addr) (refusal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case reached(len(a.pending)+a.open, a.limits.Sockets):
		return "this server has as many sockets as it can hold"
	case reached(a.unauthenticated[address], a.limits.LoginsPerAddress):
		return tooManyOfAddress
	}
	a.pending[conn] = pendingSocket{address: address}
	a.count(address)
	return ""
}

// endPending says that such a socket is closed, or no concern of ours any more.
func (a *admission) endPending(conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forgetPending(conn)
}

func (a *admission) forgetPending(conn net.Conn) {
	if p, is := a.pending[conn]; is {
		delete(a.pending, conn)
		a.uncount(p.address)
	}
}

// handOver says that such a socket is net/http's from now on.
func (a *admission) handOver(conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p, is := a.pending[conn]; is {
		p.handedOver = true
		a.pending[conn] = p
	}
}

// closePending closes those that have sent nothing yet.
func (a *admission) closePending() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for conn, p := range a.pending {
		if !p.handedOver {
			_ = conn.Close()
		}
	}
}

func (a *admission) count(address netip.Addr) {
	if address.IsValid() {
		a.unauthenticated[address]++
	}
}

func (a *admission) uncount(address netip.Addr) {
	if !address.IsValid() {
		return
	}
	if a.unauthenticated[address]--; a.unauthenticated[address] == 0 {
		delete(a.unauthenticated, address)
	}
}

// admit counts a socket in, as open and not logged in, or says why there is no room for it. It is not
// pending any more: it counts once, also while its handshake is answered.
func (a *admission) admit(conn net.Conn, address netip.Addr) (refusal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	others := a.unauthenticated[address]
	if peer := a.pending[conn].address; peer.IsValid() && peer == address {
		others--
	}
	switch {
	case reached(a.open, a.limits.Connections):
		return "this server has as many connections as it can hold"
	case reached(a.login, a.limits.Logins):
		return "too many clients are logging in"
	case reached(others, a.limits.LoginsPerAddress):
		return tooManyOfAddress
	}
	a.forgetPending(conn)
	a.open++
	a.login++
	a.count(address)
	a.sockets.Add(1)
	return ""
}

// leaveLogin says that a socket has logged in, or never will.
func (a *admission) leaveLogin(address netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.login--
	a.uncount(address)
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
	return len(a.pending) + a.open + a.login
}
