package nextcloud

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// trustedDomain refuses requests for a host that is not served, with a page that names the manual's chapter about it: the
// word by which daemons recognise this mistake.
func (n *Nextcloud) trustedDomain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if trusted := n.options.TrustedDomains; len(trusted) > 0 && !slices.Contains(trusted, host) {
			if r.URL.Path == "/status.php" {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusBadRequest)
				fmt.Fprint(w, `{"error": "Trusted domain error.", "code": 15}`)
				return
			}
			answer(w, http.StatusBadRequest, "text/html",
				`<!DOCTYPE html><p>Access through untrusted domain, <a href="/go.php?to=admin-trusted-domains">see the manual</a>.</p>`)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// peerAddress is who is at the other end of the connection, "" over a unix socket.
func peerAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// clientAddress is who Nextcloud believes to speak with: the peer, unless that is a trusted proxy; then the last forwarded
// address that is not itself a trusted proxy.
func clientAddress(peer, forwarded string, trusted []netip.Prefix) string {
	if !isTrusted(peer, trusted) {
		return peer
	}
	chain := strings.Split(forwarded, ",")
	for _, hop := range slices.Backward(chain) {
		address := withoutPort(strings.TrimSpace(hop))
		if _, err := netip.ParseAddr(address); err == nil && !isTrusted(address, trusted) {
			return address
		}
	}
	return peer
}

// isTrusted compares as Nextcloud does: an IPv4 address written as IPv6 matches no IPv4 range.
func isTrusted(address string, trusted []netip.Prefix) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// withoutPort strips the port of "192.0.2.1:80" and "[2001:db8::1]:80", and the brackets of "[2001:db8::1]".
func withoutPort(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return strings.Trim(address, "[]")
}
