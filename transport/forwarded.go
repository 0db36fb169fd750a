package transport

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds the chain of forwarded addresses; the nearest are kept.
const maxHops = 32

// Forwarded returns what Nextcloud is told in X-Forwarded-For: the addresses that a request came
// through, the client's first and the TCP peer's last, separated by ", ".
//
// The chain is that of X-Forwarded-For, else of X-Real-IP, else of Forwarded (RFC 7239). It begins
// after the last thing in it that is no address: what stands before may be anybody's invention.
// IPv4 addresses are written as IPv4 whatever they came as. Over a unix socket there is no peer,
// and without a chain the result is empty then.
func Forwarded(r *http.Request) string {
	var texts []string
	for _, address := range chain(r) {
		texts = append(texts, address.String())
	}
	return strings.Join(texts, ", ")
}

// ClientAddress returns the nearest address that is not a trusted proxy's, so that nobody can
// choose his own. Where all are trusted it is the farthest. It is the zero Addr where none is
// known, as over a unix socket without a chain; what is at the socket's other end is trusted.
func ClientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	addresses := chain(r)
	for _, address := range slices.Backward(addresses) {
		if !isAmong(address, trusted) {
			return address
		}
	}
	if len(addresses) == 0 {
		return netip.Addr{}
	}
	return addresses[0]
}

func isAmong(address netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(address) })
}

// chain returns the addresses that a request came through, the TCP peer's last.
func chain(r *http.Request) []netip.Addr {
	addresses := nearest(listed(r.Header.Values("X-Forwarded-For")))
	if len(addresses) == 0 {
		addresses = nearest(listed(r.Header.Values("X-Real-IP")))
	}
	if len(addresses) == 0 {
		addresses = nearest(forwardedFor(r.Header.Values("Forwarded")))
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		addresses = append(addresses, plain(peer.Addr()))
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
