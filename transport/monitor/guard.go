package monitor

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/transport"
)

// Hosts are names by which the operators' listener may be called, such as push.example.com or *.svc.cluster.local.
type Hosts []string

// UnmarshalText reads a list with commas or spaces.
func (h *Hosts) UnmarshalText(text []byte) error {
	*h = strings.FieldsFunc(string(text), func(r rune) bool { return r == ',' || r == ' ' })
	return nil
}

// Guard protects the handler of New where it has a listener of its own. The zero value lets requests through that call the listener by
// an IP address, a name without a dot such as localhost, or over a unix socket: a page that had its own name lead here (DNS rebinding)
// has another Host.
type Guard struct {
	// Hosts are further names, in which * stands for any letters.
	Hosts Hosts
	// Token returns what a request must show; nil or "": nothing is asked for, and only actions and the names of users need
	// Status.AdminToken. AdminToken, if not nil, returns that one, which is as good. /livez, /version, /readyz?for=balancer and
	// the files of the status page, which hold nothing, need none.
	Token, AdminToken func() actors.Secret
}

// Handler returns the guarded handler.
func (g Guard) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		isKnown := shows(r, g.Token) || shows(r, g.AdminToken)
		switch {
		case !isKnown && !g.admitsHost(r):
			http.Error(w, "this listener is not called so; list that name in --metrics-hosts, or use an IP address", http.StatusForbidden)
		case !isKnown && g.Token != nil && g.Token() != "" && !isOpen(r):
			w.Header().Set("WWW-Authenticate", `Bearer realm="notify_push"`)
			refuse(w, http.StatusUnauthorized, "a token is wanted (--metrics-token), as Authorization: Bearer TOKEN")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isOpen reports whether the answer to a request holds nothing that is worth a token.
func isOpen(r *http.Request) bool {
	return slices.Contains([]string{"/livez", "/version", "/", "/status.css", "/status.js", "/icon.svg"}, r.URL.Path) ||
		r.URL.Path == "/readyz" && transport.AsksForBalancer(r)
}

func (g Guard) admitsHost(r *http.Request) bool {
	if _, err := netip.ParseAddrPort(r.RemoteAddr); err != nil { // a unix socket, which no name leads to
		return true
	}
	host := strings.ToLower(hostOf(r))
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || !strings.Contains(host, ".") {
		return true
	}
	return slices.ContainsFunc(g.Hosts, func(name string) bool {
		matches, _ := path.Match(strings.ToLower(name), host)
		return matches
	})
}

// hostOf returns the name that a request calls this server by.
func hostOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		return r.Host
	}
	return host
}

// shows reports whether a request shows a token, in TokenHeader or as a Bearer. It compares digests, so that the time that it takes says
// nothing.
func shows(r *http.Request, token func() actors.Secret) bool {
	if token == nil || token() == "" {
		return false
	}
	shown := r.Header.Get(TokenHeader)
	if bearer, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); shown == "" && is {
		shown = bearer
	}
	want, got := sha256.Sum256([]byte(token().Reveal())), sha256.Sum256([]byte(shown))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}
