package transport

import (
	"net"
	"net/http"
	"net/netip"

	"go.uber.org/zap"
)

// VirtualHostsOptions are the settings of VirtualHosts.
type VirtualHostsOptions struct {
	// Logger is where to log; nil for nowhere.
	Logger *zap.Logger
	// TrustedProxies and PrivateProxies are those of WebsocketOptions, for connections that have sent nothing yet.
	TrustedProxies []netip.Prefix
	PrivateProxies bool
	// Sockets is how many sockets there may be, those of Capacity included, and PerAddress how many of one address may have sent nothing yet.
	// 0 is no limit.
	Sockets, PerAddress int
	// Capacity is that of the Websockets; nil for none.
	Capacity *Capacity
	// Route returns the Websocket that serves a handshake, by the name that the client calls and the path; nil leaves the request to the
	// server's handler. Both are as net/http has them in Request.Host and Request.URL.Path. It must not block, because one goroutine
	// reads all sockets.
	Route func(host, path string) *Websocket
}

// VirtualHosts are several Websockets that share a listener. All methods are safe for concurrent use. Close must be called.
type VirtualHosts struct {
	front *Websocket // has the sockets that have not said which Websocket they mean; nobody logs in at it
}

// NewVirtualHosts returns what Intercept is to be called of. Close ends it.
func NewVirtualHosts(options VirtualHostsOptions) *VirtualHosts {
	if options.Logger == nil {
		options.Logger = zap.NewNop()
	}
	p, _ := usePoller() // without one, a goroutine reads
	front := newWebsocket(nil, WebsocketOptions{
		Logger: options.Logger, TrustedProxies: options.TrustedProxies, PrivateProxies: options.PrivateProxies,
		Limits: Limits{Sockets: options.Sockets, LoginsPerAddress: options.PerAddress}, Capacity: options.Capacity,
	}, p)
	front.route = options.Route
	front.turnedAway.capacity = nil // they take file descriptors that are reserved
	return &VirtualHosts{front}
}

// Intercept is that of a Websocket: it answers the handshakes that Route knows. The server's handler has the others, and all other
// requests.
func (v *VirtualHosts) Intercept(server *http.Server, listener net.Listener) net.Listener {
	return v.front.Intercept(server, listener)
}

// SetSockets has another VirtualHostsOptions.Sockets count from now on.
func (v *VirtualHosts) SetSockets(most int) {
	limits := v.front.options.Limits
	limits.Sockets = most
	v.front.SetLimits(limits)
}

// Weight returns how many sockets have not said which Websocket they mean.
func (v *VirtualHosts) Weight() int { return v.front.Weight() }

// Close waits until all sockets are gone that have not said which Websocket they mean. The Websockets must have been closed, and no new
// connections must come.
func (v *VirtualHosts) Close() { v.front.Close() }
