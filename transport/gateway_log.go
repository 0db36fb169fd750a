package transport

import (
	"cmp"
	"net/netip"
	"sync"

	"go.uber.org/zap"
)

// maxNamedGateways bounds the gateways that are named: in a private network each client may look like one.
const maxNamedGateways = 64

// gatewayLog names each address that stands for many clients once, when one of them is refused: what is
// wrong then concerns all of them. The zero value is ready to use, and safe for concurrent use.
type gatewayLog struct {
	mu    sync.Mutex
	named map[netip.Addr]struct{}
}

// name names where a client comes from that was refused, if that is a gateway.
func (g *gatewayLog) name(log *zap.Logger, from origin) {
	if from.gateway && g.isNew(from.client) {
		log.Warn("many clients may share one address", zap.String("gateway address", cmp.Or(addressText(from.client), "unix socket")), zap.String("advice", from.advice()))
	}
}

func (g *gatewayLog) isNew(address netip.Addr) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, isNamed := g.named[address]; isNamed || len(g.named) >= maxNamedGateways {
		return false
	}
	if g.named == nil {
		g.named = map[netip.Addr]struct{}{}
	}
	g.named[address] = struct{}{}
	return true
}

// advice says what to change so that the clients behind a gateway are told apart.
func (o origin) advice() string {
	const gateway = "; if it is the gateway of a container network or a TCP balancer, which hides clients' addresses: run the reverse proxy with network_mode: host, or let the balancer send them to it"
	if o.missing {
		return "if it is a reverse proxy, have it name its client (nginx: proxy_set_header X-Forwarded-For $remote_addr;)" + gateway
	}
	return "if it is a reverse proxy, add it to config.php: 'trusted_proxies' => ['" + o.client.String() + "']" + gateway + "; if it is one client, leave it"
}
