package transport

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// AllowedOrigins say the pages of which hosts may open a websocket. A browser names the page in the field Origin; without the
// check, any page could have its visitors guess passwords, or use their cookies. The zero value admits the pages of the
// request's own host. What is no page passes: a request without an Origin, or with one of another scheme than http and https, as apps
// send it. So does "null", which some apps send and any page can: with one login at a time of an address, and the longest wait after a failure;
// and not where WebsocketOptions.Authenticate is set, unless Hosts has "null".
type AllowedOrigins struct {
	// Hosts have the form of Nextcloud's trusted_domains: a host, with a port to mean that one alone, and * for any letters,
	// digits, dots and hyphens. One with a scheme, such as https://cloud.example.com, means that origin alone, and "*" any.
	Hosts []string
	// OnlyHosts refuses pages of the request's own host, unless Hosts has it. A page whose name its owner makes lead here (DNS rebinding)
	// is one.
	OnlyHosts bool
	// LogOnly lets other pages in, too, and warns of them.
	LogOnly bool
}

// UnmarshalText reads a list with commas or spaces, which is complete.
func (a *AllowedOrigins) UnmarshalText(text []byte) error {
	hosts := strings.FieldsFunc(string(text), func(r rune) bool { return r == ',' || r == ' ' })
	for i, host := range hosts {
		host = strings.TrimSuffix(host, "/")
		_, name, hasScheme := strings.Cut(host, "://")
		if !hasScheme {
			name = host
		}
		if name == "" || strings.ContainsAny(name, "/?#@") {
			return fmt.Errorf("%q is not an origin; write a host like cloud.example.com, or https://cloud.example.com", host)
		}
		hosts[i] = host
	}
	if len(hosts) == 0 {
		return errors.New("no origin is listed; write a host like cloud.example.com, or * for any page")
	}
	*a = AllowedOrigins{Hosts: hosts, OnlyHosts: true}
	return nil
}

// originRules are AllowedOrigins made ready.
type originRules struct {
	any      bool
	null     bool // also where a cookie may count
	names    []string
	patterns []*regexp.Regexp // of those with wildcards
	own      bool             // the request's own host is enough
	logOnly  bool
}

func newOriginRules(allowed AllowedOrigins) *originRules {
	rules := &originRules{any: slices.Contains(allowed.Hosts, "*"), null: slices.Contains(allowed.Hosts, "null"), own: !allowed.OnlyHosts, logOnly: allowed.LogOnly}
	for _, host := range allowed.Hosts {
		if !strings.Contains(host, "*") {
			rules.names = append(rules.names, host)
			continue
		}
		parts := strings.Split(host, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		// What is no UTF-8 cannot be compiled, and is the name of no host.
		if pattern, err := regexp.Compile("(?i)^" + strings.Join(parts, `[-.a-zA-Z0-9]*`) + "$"); err == nil {
			rules.patterns = append(rules.patterns, pattern)
		}
	}
	return rules
}

// admit reports whether a request may open a websocket. isNull says that a page which may be anybody's asks. hosts are what the
// request calls this server.
func (o *originRules) admit(origins, hosts []string) (ok, isNull bool) {
	for _, origin := range origins {
		scheme, host, _ := strings.Cut(origin, "://")
		switch {
		case origin == "null":
			isNull = true
		case !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https"):
		case !o.admitPage(origin, host, hosts):
			return false, isNull
		}
	}
	return true, isNull
}

func (o *originRules) admitPage(origin, host string, own []string) bool {
	name := withoutPort(host)
	if o.any {
		return true
	}
	if name == "" || strings.HasPrefix(name, "-") || strings.Contains(name, "..") { // as in Nextcloud
		return false
	}
	if o.own && slices.ContainsFunc(own, func(own string) bool { return strings.EqualFold(withoutPort(own), name) }) {
		return true
	}
	return slices.ContainsFunc(o.names, func(n string) bool {
		return strings.EqualFold(n, name) || strings.EqualFold(n, host) || strings.EqualFold(n, origin)
	}) || slices.ContainsFunc(o.patterns, func(p *regexp.Regexp) bool {
		return p.MatchString(name) || p.MatchString(host) || p.MatchString(origin)
	})
}

// withoutPort takes a port away, as Nextcloud does. A proxy often leaves it out of Host.
func withoutPort(host string) string {
	if colon := strings.LastIndexByte(host, ':'); colon >= 0 && colon < len(host)-1 && !strings.ContainsFunc(host[colon+1:], func(r rune) bool { return r < '0' || r > '9' }) {
		return host[:colon]
	}
	return host
}

// SetAllowedOrigins has other origins count from now on. Websockets that are open stay.
func (w *Websocket) SetAllowedOrigins(allowed AllowedOrigins) {
	w.origins.Store(newOriginRules(allowed))
}

// admitsOrigin is originRules.admit for a request. host is its Host. A proxy that replaced it says so in X-Forwarded-Host.
func (w *Websocket) admitsOrigin(header http.Header, host string, peer netip.Addr) (ok, isNull bool) {
	origins := header["Origin"]
	if len(origins) == 0 {
		return true, false
	}
	hosts := []string{host}
	if !peer.IsValid() || w.options.proxies().mayBe(plain(peer)) {
		for _, forwarded := range listed(header["X-Forwarded-Host"]) {
			hosts = append(hosts, strings.TrimSpace(forwarded))
		}
	}
	rules := w.origins.Load()
	ok, isNull = rules.admit(origins, hosts)
	if !ok && rules.logOnly {
		text := originText(header)
		aside(func() {
			w.foreign.Warn("", zap.String("origin", text), zap.String("advice", "list the hosts of Nextcloud in --allowed-origins or ALLOWED_ORIGINS"))
		})
		ok = true
	}
	return ok && (!isNull || rules.null || w.options.Authenticate == nil), isNull
}

// maxLoggedOrigin bounds what is logged of an Origin, in bytes.
const maxLoggedOrigin = 200

// foreignInterval is how often at most the log says that pages of other sites connect.
const foreignInterval = time.Hour

func originText(header http.Header) string {
	origin := strings.Join(header["Origin"], ", ")
	return origin[:min(len(origin), maxLoggedOrigin)]
}

// originFault says in the log which page was refused.
func originFault(header http.Header) string {
	return "pages of " + originText(header) + " are not admitted: neither trusted_domains of config.php nor --allowed-origins has that host"
}

const textOriginRefused = "pages of this origin are not admitted: neither Nextcloud's trusted_domains nor --allowed-origins has its host"
