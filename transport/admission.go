package transport

import (
	"net/netip"
	"sync"
)

// retryAfter is how long clients are asked to wait when there is no room, in seconds.
const retryAfter = "60"

const tooManyOfAddress = "too many clients of this address have not logged in"

// Limits bound what clients may take, and those before all that have not logged in. 0 is no limit.
type Limits struct {
	// Connections is how many websockets there may be in all.
	Connections int `flag:"max-connections" scope:"each" reload:"true" env:"MAX_CONNECTIONS" default:"0" placeholder:"N" group:"Limits" help:"How many connections are held before new ones are sent away. 0 derives it from the limit of open files."`
	// Logins is how many of them may not have logged in yet.
	Logins int `flag:"max-unauthenticated" reload:"true" env:"MAX_UNAUTHENTICATED" default:"16384" placeholder:"N" group:"Limits" help:"How many connections that have not logged in are held. 0 sets no limit."`
	// LoginsPerAddress is how many of those may come from one address; sockets that are not yet a
	// websocket count too, see Intercept, and so do those that are being refused, until they are closed. An
	// address that stands for many clients, such as a proxy's or that of a container's gateway, may have 32
	// times as many.
	LoginsPerAddress int `flag:"max-unauthenticated-per-address" reload:"true" env:"MAX_UNAUTHENTICATED_PER_ADDRESS" default:"256" placeholder:"N" group:"Limits" help:"How many of them one client address may have; of IPv6, a /56 is one address. 32 times as many where the address stands for many clients. 0 sets no limit."`
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

// admission counts sockets, and refuses those that are too many. A socket that was let in counts for its address
// until it has logged in, or until it is closed: also while its login is being refused. Those that were not let in
// are the closer's turnedAway, which has a limit by address of its own. It is safe for concurrent use.
type admission struct {
	mu              sync.Mutex
	empty           *sync.Cond // open has become 0; nil: nobody waits for it
	limits          Limits
	capacity        *Capacity // that is shared; nil for none
	unauthenticated map[*login]unauthenticated
	ofAddress       map[netip.Addr]int // the unauthenticated
	login           int                // those of them that are a websocket
	open            int                // websockets in all
	ended           bool               // logins that come are refused
}

// unauthenticated is a socket that has not logged in.
type unauthenticated struct {
	address    netip.Addr // that it counts for: the TCP peer's, then the client's
	websocket  bool
	handedOver bool // to net/http, which closes it
}

func newAdmission(limits Limits, capacity *Capacity) admission {
	return admission{limits: limits, capacity: capacity, unauthenticated: map[*login]unauthenticated{}, ofAddress: map[netip.Addr]int{}}
}

// accept counts a socket in that has sent nothing yet, or says why there is no room for it. It counts until
// loggedIn or gone.
func (a *admission) accept(l *login, peer origin) (refusal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case reached(len(a.unauthenticated)-a.login+a.websockets(), a.limits.Sockets):
		return "this server has as many sockets as it can hold"
	case a.isFull(peer):
		return tooManyOfAddress
	}
	a.count(l, unauthenticated{address: limitAddress(peer.client)})
	return ""
}

// websockets are those that take a descriptor beside the sockets that are none yet.
func (a *admission) websockets() int {
	if a.capacity != nil {
		return a.capacity.Used()
	}
	return a.open
}

// isFull reports whether an address has as many unauthenticated sockets as it may.
func (a *admission) isFull(from origin) bool {
	most := a.limits.LoginsPerAddress
	if from.gateway {
		most *= gatewayFactor
	}
	return reached(a.ofAddress[limitAddress(from.client)], most)
}

// count has a socket count for an address, and for no other any more.
func (a *admission) count(l *login, u unauthenticated) {
	a.forget(l)
	a.unauthenticated[l] = u
	a.ofAddress[u.address]++
}

func (a *admission) uncount(address netip.Addr) {
	if a.ofAddress[address]--; a.ofAddress[address] == 0 {
		delete(a.ofAddress, address)
	}
}

// handOver says that a socket is net/http's from now on.
func (a *admission) handOver(l *login) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if u, is := a.unauthenticated[l]; is {
		u.handedOver = true
		a.unauthenticated[l] = u
	}
}

// endPending ends those that have sent nothing yet, and endLogins the websockets that have not logged in, and those that come.
func (a *admission) endPending() {
	a.endThose(func(u unauthenticated) bool { return !u.handedOver && !u.websocket })
}

func (a *admission) endLogins() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.endThose(func(u unauthenticated) bool { return u.websocket })
}

func (a *admission) endThose(which func(unauthenticated) bool) {
	a.mu.Lock()
	var those []*login
	for l, u := range a.unauthenticated {
		if which(u) {
			those = append(those, l)
		}
	}
	a.mu.Unlock()
	for _, l := range those {
		l.end()
	}
}

func (a *admission) loginsEnded() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ended
}

// admit counts a socket in as a websocket that has not logged in, or says why there is no room for it. Its
// request has told where it comes from, and it counts for that client from now on.
func (a *admission) admit(l *login, from origin) (refusal string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(l)
	switch {
	case reached(a.open, a.limits.Connections):
		return "this server has as many connections as it can hold"
	case reached(a.login, a.limits.Logins):
		return "too many clients are logging in"
	case a.isFull(from):
		return tooManyOfAddress
	case !a.capacity.take(a.open):
		return "this server has its share of the connections that several have together"
	}
	a.count(l, unauthenticated{address: limitAddress(from.client), websocket: true})
	a.open++
	a.login++
	return ""
}

// attribute has a socket count for the client that its request has told of.
func (a *admission) attribute(l *login, from origin) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count(l, unauthenticated{address: limitAddress(from.client)})
}

// loggedIn says that a websocket has logged in.
func (a *admission) loggedIn(l *login) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(l)
}

// forget has a socket not count as unauthenticated any more, and reports whether it was a websocket.
func (a *admission) forget(l *login) (websocket bool) {
	u, is := a.unauthenticated[l]
	if !is {
		return false
	}
	delete(a.unauthenticated, l)
	a.uncount(u.address)
	if u.websocket {
		a.login--
	}
	return u.websocket
}

// gone says that a socket that has not logged in is closed, or no concern of ours any more.
func (a *admission) gone(l *login) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.forget(l) {
		a.countOut()
	}
}

// leave says that a socket that has logged in is closed.
func (a *admission) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.countOut()
}

// countOut counts a websocket out.
func (a *admission) countOut() {
	a.capacity.give()
	if a.open--; a.open == 0 && a.empty != nil {
		a.empty.Broadcast()
	}
}

// waitForEnds waits until there is no websocket.
func (a *admission) waitForEnds() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.empty == nil {
		a.empty = sync.NewCond(&a.mu)
	}
	for a.open > 0 {
		a.empty.Wait()
	}
}

// Weight returns how many sockets there are that are or may become a websocket. One that is logging in
// counts twice: it takes more memory than when it has logged in.
func (a *admission) Weight() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.unauthenticated) + a.open
}
