package transport

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// maxHops bounds the chain of forwarded addresses; the nearest are kept.
const maxHops = 32

// origin is where a connection comes from.
type origin struct {
	// client is the nearest address that is not a believed proxy's, so that nobody can choose his own, or
	// the farthest where all are believed. It is the zero Addr where none is known, as over a unix socket
	// without a chain: what is at the socket's other end is believed.
	client netip.Addr
	// address is client as text; "" where none is known, and before there is a request.
	address string
	// gateway says that client is none, or one that could be a proxy's, such as a container's gateway: it stands
	// for many clients.
	gateway bool
	// missing says that a proxy at client does not say for whom it asks; else, of a gateway, nobody says that it is
	// a proxy.
	missing bool
	// forwarded is what Nextcloud is sent in X-Forwarded-For: the addresses that the request came
	// through, the client's first and the TCP peer's last, separated by ", ". It may be empty.
	forwarded string
	// nullOrigin says that the page which connects does not say whose it is: any can.
	nullOrigin bool
}

// privateRanges are loopback, the private ranges and the addresses of a link.
var privateRanges = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fc00::/7"),
	netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10"),
}

// proxies are those that are believed about where a request comes from.
type proxies struct {
	listed  []netip.Prefix
	private bool // the TCP peer, too, if its address is in privateRanges
}

// mayBe reports whether an address could be a proxy's that is believed as a peer.
func (p proxies) mayBe(address netip.Addr) bool {
	return isAmong(address, p.listed) || p.private && isAmong(address, privateRanges)
}

// originOf returns where a request comes from, given its header and the address of the TCP peer, which is
// invalid over a unix socket. A peer that may be a proxy is believed about the one address that it wrote, and
// further ones where the proxy that wrote them is listed.
//
// The chain of addresses is that of X-Forwarded-For; where that is not there, of X-Real-IP, else of Forwarded
// (RFC 7239). It begins after the last thing in it that is no address, because anybody may have made up what
// stands before. IPv4 addresses are written as IPv4 whatever they came as.
func originOf(header http.Header, peer netip.Addr, believed proxies) origin {
	addresses := chain(header, peer)
	from := originIn(addresses, peer, believed)
	from.address = addressText(from.client)
	if len(addresses) == 1 {
		from.forwarded = from.address
		return from
	}
	var text []byte
	for i, address := range addresses {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = address.AppendTo(text)
	}
	from.forwarded = string(text)
	return from
}

// originOfPeer is originOf before there is a request, and without what Nextcloud is sent.
func originOfPeer(peer netip.Addr, believed proxies) origin {
	if !peer.IsValid() {
		return originIn(nil, peer, believed)
	}
	return originIn([]netip.Addr{plain(peer)}, peer, believed)
}

// originIn returns what a chain of addresses says.
func originIn(addresses []netip.Addr, peer netip.Addr, believed proxies) origin {
	from := origin{gateway: true, missing: true}
	for i, address := range slices.Backward(addresses) {
		from.client = address
		isPeer := peer.IsValid() && i == len(addresses)-1
		if !isAmong(address, believed.listed) && !(isPeer && believed.mayBe(address)) {
			from.gateway, from.missing = believed.mayBe(address), false
			break
		}
	}
	return from
}

// limitAddress returns what limits count as one address: of IPv6, the /56 that a subscriber has, as Nextcloud does.
func limitAddress(address netip.Addr) netip.Addr {
	if !address.Is6() {
		return address
	}
	prefix, _ := address.Prefix(56)
	return prefix.Addr()
}

// addressText returns an address as text; "" for the zero one.
func addressText(address netip.Addr) string {
	if !address.IsValid() {
		return ""
	}
	return address.String()
}

// field names a connection's client in the log, where its address is known.
func (o origin) field() zap.Field {
	switch {
	case !o.client.IsValid():
		return zap.Skip()
	case o.gateway:
		return zap.Stringer("gateway address", o.client)
	default:
		return zap.Stringer("client", o.client)
	}
}

func isAmong(address netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(address) })
}

// chain returns the addresses that a request came through, the TCP peer's last.
func chain(header http.Header, peer netip.Addr) []netip.Addr {
	var addresses []netip.Addr
	switch {
	case len(header["X-Forwarded-For"]) > 0:
		addresses = nearest(listed(header["X-Forwarded-For"]))
	case len(header["X-Real-Ip"]) > 0:
		addresses = nearest(listed(header["X-Real-Ip"]))
	default:
		addresses = nearest(forwardedFor(header["Forwarded"]))
	}
	if peer.IsValid() {
		addresses = append(addresses, plain(peer))
	}
	return addresses
}

// listed splits header lines at commas; several lines are one list (RFC 9110, 5.3).
func listed(lines []string) (nodes []string) {
	for _, line := range lines {
		nodes = append(nodes, strings.Split(line, ",")...)
	}
	return nodes
}

// forwardedFor returns the "for" of each element of Forwarded, empty where it has none.
func forwardedFor(lines []string) (nodes []string) {
	for _, line := range lines {
		for element := range splitOutsideQuotes(line, ',') {
			node := ""
			for pair := range splitOutsideQuotes(element, ';') {
				name, value, _ := strings.Cut(pair, "=")
				if strings.EqualFold(strings.TrimSpace(name), "for") {
					node = unquote(strings.TrimSpace(value))
				}
			}
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// splitOutsideQuotes yields the parts of a header line between separators that are in no
// quoted-string (RFC 9110, 5.6.4).
func splitOutsideQuotes(line string, separator byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(line); i++ {
			switch {
			case line[i] == '"':
				quoted = !quoted
			case line[i] == '\\' && quoted:
				i++
			case line[i] == separator && !quoted:
				if !yield(line[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(line[start:])
	}
}

// unquote undoes a quoted-string. An address holds nothing that needs a backslash, so those stay
// and make it unreadable.
func unquote(value string) string {
	if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
		return value[1 : len(value)-1]
	}
	return value
}

// nearest returns the addresses after the last node that is none, at most maxHops.
func nearest(nodes []string) []netip.Addr {
	var addresses []netip.Addr
	for _, node := range slices.Backward(nodes) {
		address, ok := parseNode(node)
		if !ok || len(addresses) == maxHops {
			break
		}
		addresses = append(addresses, address)
	}
	slices.Reverse(addresses)
	return addresses
}

// parseNode reads an address, which may have a port and, with IPv6, brackets. RFC 7239's "unknown"
// and obfuscated identifiers are no addresses.
func parseNode(node string) (netip.Addr, bool) {
	node = strings.TrimSpace(node)
	if inside, bracketed := strings.CutPrefix(node, "["); bracketed {
		node, _, _ = strings.Cut(inside, "]")
	} else if strings.Count(node, ":") == 1 {
		node, _, _ = strings.Cut(node, ":")
	}
	address, err := netip.ParseAddr(node)
	return plain(address), err == nil
}

// plain returns the address as Nextcloud's trusted_proxies would match it: IPv4 as IPv4, and
// without the name of a network interface.
func plain(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }
