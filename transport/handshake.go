package transport

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// refuseInvalidHandshake refuses what is no websocket handshake with the reason, and returns what is
// missing, for that was usually lost in a reverse proxy; "" where nothing is.
func refuseInvalidHandshake(w http.ResponseWriter, r *http.Request) (missing string) {
	missing = missingOfHandshake(r)
	if missing == "" {
		return ""
	}
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", "websocket")
	w.Header().Set("Sec-WebSocket-Version", "13")
	http.Error(w, fmt.Sprintf("this is a websocket, but %s is missing from the request; a reverse proxy must pass it on", missing), http.StatusUpgradeRequired)
	return missing
}

// missingOfHandshake names what a request lacks to be a websocket handshake (RFC 6455, 4.2.1),
// "" if nothing. What proxies lose most often comes first.
func missingOfHandshake(r *http.Request) string {
	switch {
	case !hasToken(r.Header, "Upgrade", "websocket"):
		return `the header "Upgrade: websocket"`
	case !hasToken(r.Header, "Connection", "upgrade"):
		return `the header "Connection: Upgrade"`
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return `the header "Sec-WebSocket-Version: 13"`
	case r.Header.Get("Sec-WebSocket-Key") == "":
		return `the header "Sec-WebSocket-Key"`
	case !r.ProtoAtLeast(1, 1):
		return "HTTP/1.1"
	default:
		return ""
	}
}

// hasToken reports whether a token is in a header that is a list, in any case.
func hasToken(header http.Header, name, token string) bool {
	return slices.ContainsFunc(listed(header.Values(name)), func(one string) bool {
		return strings.EqualFold(strings.TrimSpace(one), token)
	})
}
