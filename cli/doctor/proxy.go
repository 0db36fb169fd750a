package doctor

import (
	"net/http"
	"strings"
)

// proxy is the kind of reverse proxy that answers for the push server.
type proxy string

const (
	unknownProxy proxy = ""
	nginx        proxy = "nginx"
	apache       proxy = "Apache"
	caddy        proxy = "Caddy"
	haproxy      proxy = "HAProxy"
	traefik      proxy = "Traefik"
)

// recognise tells the proxy by what it adds to an answer. HAProxy and Traefik name themselves nowhere; their
// error pages give them away.
func recognise(a answer) proxy {
	server := strings.ToLower(strings.Join(append(a.header.Values("Server"), a.header.Values("Via")...), " "))
	switch {
	case strings.Contains(server, "nginx"), strings.Contains(server, "openresty"):
		return nginx
	case strings.Contains(server, "apache"):
		return apache
	case strings.Contains(server, "caddy"):
		return caddy
	case strings.Contains(server, "haproxy"), strings.HasPrefix(a.body, "<html><body><h1>") && strings.Contains(a.body, "No server is available") || strings.Contains(a.body, "The server didn't respond in time"):
		return haproxy
	case a.body == "Bad Gateway" || a.body == "404 page not found\n" && a.header.Get("X-Content-Type-Options") == "nosniff":
		return traefik
	default:
		return unknownProxy
	}
}

// fault is a mistake in a reverse proxy's configuration.
type fault int

const (
	noUpgrade fault = iota
	noLocation
	noServer
	shortTimeout
	noForwardedFor
	basicAuth
	cached
	buffered
	redirected
)

// remedies are the lines to change, by fault and proxy.
var remedies = map[fault]map[proxy][]string{
	noUpgrade: {
		nginx:   {"proxy_http_version 1.1;", "proxy_set_header Upgrade $http_upgrade;", `proxy_set_header Connection "Upgrade";`},
		apache:  {"a2enmod proxy_wstunnel", "ProxyPass /push/ws ws://127.0.0.1:7867/ws   # above: ProxyPass /push/ http://127.0.0.1:7867/"},
		caddy:   {"handle_path /push/* {", "\treverse_proxy 127.0.0.1:7867   # no header_up for Connection or Upgrade, no transport with h2c", "}"},
		haproxy: {"option http-server-close   # not httpclose, and no http-request del-header Upgrade"},
		traefik: {"remove middlewares that change the headers Upgrade and Connection from the router of /push"},
	},
	noLocation: {
		nginx:   {"location ^~ /push/ {   # above the locations of Nextcloud", "    proxy_pass http://127.0.0.1:7867/;", "}"},
		apache:  {"ProxyPass /push/ws ws://127.0.0.1:7867/ws", "ProxyPass /push/ http://127.0.0.1:7867/"},
		caddy:   {"handle_path /push/* {   # above the block of Nextcloud", "\treverse_proxy 127.0.0.1:7867", "}"},
		haproxy: {"use_backend push if { path_beg /push/ }"},
		traefik: {"rule: Host(`cloud.example.com`) && PathPrefix(`/push`)   # with a higher priority than Nextcloud's"},
	},
	noServer: {
		nginx:   {"proxy_pass http://127.0.0.1:7867/;   # http, not https or grpc; the port is PORT of the push server"},
		apache:  {"ProxyPass /push/ws ws://127.0.0.1:7867/ws", "ProxyPass /push/ http://127.0.0.1:7867/"},
		caddy:   {"reverse_proxy 127.0.0.1:7867   # not h2c://"},
		haproxy: {"server push 127.0.0.1:7867   # without proto h2"},
		traefik: {"url: http://127.0.0.1:7867   # http, not h2c"},
	},
	shortTimeout: {
		nginx:   {"proxy_read_timeout 60s;", "proxy_send_timeout 60s;"},
		apache:  {"Timeout 60", "ProxyTimeout 60   # or: timeout=60 at the end of the ProxyPass line"},
		caddy:   {"remove stream_timeout and the read and write timeouts of the transport from reverse_proxy"},
		haproxy: {"timeout tunnel 1h", "timeout client 60s", "timeout server 60s"},
		traefik: {"respondingTimeouts: {readTimeout: 0s, writeTimeout: 0s, idleTimeout: 180s}"},
	},
	noForwardedFor: {
		nginx:   {"proxy_set_header X-Forwarded-For $remote_addr;"},
		apache:  {"ProxyAddHeaders On"},
		caddy:   {"reverse_proxy 127.0.0.1:7867   # without header_up -X-Forwarded-For"},
		haproxy: {"option forwardfor"},
		traefik: {"remove the middleware that deletes X-Forwarded-For"},
	},
	basicAuth: {
		nginx:   {"auth_basic off;   # in the location of /push/"},
		apache:  {"<Location /push/>", "    Require all granted", "</Location>"},
		caddy:   {"move basic_auth into a handle that does not match /push/*"},
		haproxy: {"http-request auth unless { path_beg /push/ }"},
		traefik: {"remove the basicAuth middleware from the router of /push"},
	},
	cached: {
		nginx:   {"proxy_cache off;   # in the location of /push/"},
		apache:  {"CacheDisable /push/"},
		caddy:   {"take /push/* out of the cache handler"},
		haproxy: {"http-request cache-use … unless { path_beg /push/ }"},
	},
	buffered: {
		nginx: {"proxy_buffering off;"},
	},
	redirected: {
		nginx:  {"location ^~ /push/ {   # in the server block of https, not in one that redirects"},
		apache: {"RewriteRule ^/push/ - [END]   # before the rules that redirect"},
	},
}

// linesFor returns the lines for the proxy that was recognised, and those of all where it was not.
func linesFor(f fault, p proxy) (lines []string) {
	if lines := remedies[f][p]; lines != nil {
		return prefixed(p, lines)
	}
	for _, other := range []proxy{nginx, apache, caddy, haproxy, traefik} {
		lines = append(lines, prefixed(other, remedies[f][other])...)
	}
	return lines
}

func prefixed(p proxy, lines []string) (all []string) {
	for _, line := range lines {
		all = append(all, string(p)+": "+line)
	}
	return all
}

// cacheMark returns what says that an answer came out of a cache, "" where nothing does.
func cacheMark(header http.Header) string {
	for _, name := range []string{"X-Cache", "X-Cache-Status", "X-Proxy-Cache", "CF-Cache-Status"} {
		if strings.Contains(strings.ToUpper(header.Get(name)), "HIT") {
			return name + ": " + header.Get(name)
		}
	}
	if age := header.Get("Age"); age != "" && age != "0" {
		return "Age: " + age
	}
	return ""
}
