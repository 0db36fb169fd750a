package doctor

import "strings"

// Fault is a mistake on the way between a client and the push server, or between that and Nextcloud.
type Fault int

// The faults for which lines of a reverse proxy are to be changed.
const (
	NoUpgrade Fault = iota
	NoLocation
	NoServer
	Refused
	Full
	ShortTimeout
	NoForwardedFor
	ReplacedForwardedFor
	HiddenBehindGateway
	BasicAuth
	BasicAuthBeforeUs
	Cached
	HeldBack
	Redirected
	HTTP2WithoutTLS
	Compressed
	CutAtClose
)

// documented is where the lines have the push server, which Options.PushServer replaces.
const documented = "127.0.0.1:7867"

// remedies are what to do about each fault, and the lines to change. This is the only place that has them: `doctor`, `listen` and `check`
// print them. A proxy without lines has no such mistake.
var remedies = map[Fault]struct {
	advice string
	lines  map[proxy][]string
}{
	NoUpgrade: {"The reverse proxy does not pass the websocket on.", map[proxy][]string{
		nginx:   {"proxy_http_version 1.1;", "proxy_set_header Upgrade $http_upgrade;", `proxy_set_header Connection "Upgrade";`},
		apache:  {"a2enmod proxy_wstunnel", "ProxyPass /push/ws ws://127.0.0.1:7867/ws   # above: ProxyPass /push/ http://127.0.0.1:7867/"},
		caddy:   {"reverse_proxy 127.0.0.1:7867   # no header_up for Connection or Upgrade"},
		haproxy: {"option http-server-close   # not httpclose, and no http-request del-header Upgrade"},
		traefik: {"remove middlewares that change the headers Upgrade and Connection from the router of /push"},
	}},
	NoLocation: {"This address leads to something else than the push server: have the web server pass /push/ on to it, before the rules of Nextcloud, and at the push server's port (7867 by default).", map[proxy][]string{
		nginx:   {"location ^~ /push/ {   # above the locations of Nextcloud", "    proxy_pass http://127.0.0.1:7867/;   # with the / at the end", "}"},
		apache:  {"ProxyPass /push/ws ws://127.0.0.1:7867/ws", "ProxyPass /push/ http://127.0.0.1:7867/"},
		caddy:   {"handle_path /push/* {   # beside the handle of Nextcloud", "\treverse_proxy 127.0.0.1:7867", "}"},
		haproxy: {"use_backend push if { path_beg /push/ }   # above default_backend"},
		traefik: {"rule: Host(`cloud.example.com`) && PathPrefix(`/push/`)   # with a higher priority than Nextcloud's"},
	}},
	NoServer: {"The reverse proxy cannot reach the push server: does that run, at the address and port that the proxy names, does the proxy speak plain HTTP/1.1 to it, and may it connect (SELinux)?", map[proxy][]string{
		nginx:   {"proxy_pass http://127.0.0.1:7867/;   # http, not https or grpc; the port is PORT of the push server"},
		apache:  {"ProxyPass /push/ws ws://127.0.0.1:7867/ws", "ProxyPass /push/ http://127.0.0.1:7867/   # not h2c://"},
		caddy:   {"reverse_proxy 127.0.0.1:7867   # not h2c://"},
		haproxy: {"server push 127.0.0.1:7867   # without proto h2"},
		traefik: {"url: http://127.0.0.1:7867   # http, not h2c"},
	}},
	Refused: {"The reverse proxy refuses this address; the push server itself refuses only web pages of other sites. Look for what denies, also for a firewall of web applications.", map[proxy][]string{
		nginx:   {"allow all;   # in the location of /push/, without deny"},
		apache:  {"<Location /push/>", "    Require all granted", "</Location>"},
		caddy:   {"remove what responds 403 to /push/*, or move it into a handle that does not match"},
		haproxy: {"http-request deny … unless { path_beg /push/ }"},
		traefik: {"remove the ipAllowList middleware from the router of /push"},
	}},
	Full: {advice: "The push server holds all the connections it may, or is not running behind the proxy."},
	ShortTimeout: {"Lengthen the proxy's timeout to more than the heartbeat of 30 s.", map[proxy][]string{
		nginx:   {"proxy_read_timeout 60s;", "proxy_send_timeout 60s;"},
		apache:  {"Timeout 60", "ProxyTimeout 60   # or: timeout=60 at the end of the ProxyPass line"},
		caddy:   {"remove stream_timeout and the read and write timeouts of the transport from reverse_proxy"},
		haproxy: {"timeout tunnel 5m", "timeout client 60s", "timeout server 60s"},
		traefik: {"respondingTimeouts: {readTimeout: 0s, writeTimeout: 0s, idleTimeout: 180s}"},
	}},
	NoForwardedFor: {"Have the proxy say for whom it asks.", map[proxy][]string{
		nginx:   {"proxy_set_header X-Forwarded-For $remote_addr;   # behind another proxy: $proxy_add_x_forwarded_for"},
		apache:  {"ProxyAddHeaders On"},
		caddy:   {"reverse_proxy 127.0.0.1:7867   # without header_up -X-Forwarded-For"},
		haproxy: {"http-request set-header X-Forwarded-For %[src]   # behind another proxy: option forwardfor"},
		traefik: {"remove the middleware that deletes X-Forwarded-For"},
	}},
	ReplacedForwardedFor: {"Have the web server in front of Nextcloud append to the header and not replace it, or go around it with --nextcloud-connect-to.", map[proxy][]string{
		nginx:   {"proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;   # in the location of Nextcloud"},
		apache:  {"ProxyAddHeaders On   # and no RequestHeader that sets or unsets X-Forwarded-For"},
		caddy:   {"trusted_proxies 127.0.0.1/8 ::1   # in the php_fastcgi or reverse_proxy of Nextcloud, with the push server's address"},
		haproxy: {"option forwardfor except 127.0.0.0/8   # with the push server's address, and no http-request set-header or del-header X-Forwarded-For"},
		traefik: {"forwardedHeaders: {trustedIPs: [127.0.0.1/32]}   # of the entry point, with the push server's address"},
	}},
	HiddenBehindGateway: {"Have the proxy see clients' addresses: run it in the host's network, or have what is before it pass them on (X-Forwarded-For, or the PROXY protocol).", map[proxy][]string{
		nginx:   {"set_real_ip_from 172.16.0.0/12; real_ip_header X-Forwarded-For;   # with the address of what is before it"},
		apache:  {"RemoteIPHeader X-Forwarded-For", "RemoteIPInternalProxy 172.16.0.0/12   # with the address of what is before it"},
		caddy:   {"servers { trusted_proxies static private_ranges }   # in the global options"},
		haproxy: {"option forwardfor   # instead of http-request set-header X-Forwarded-For"},
		traefik: {"forwardedHeaders: {trustedIPs: [172.16.0.0/12]}   # of the entry point, with the address of what is before it"},
	}},
	BasicAuth: {"No client can give two passwords. Take basic authentication off Nextcloud's site and the push server's address.", map[proxy][]string{
		nginx:   {"auth_basic off;"},
		apache:  {"<Location />", "    Require all granted", "</Location>"},
		caddy:   {"remove basic_auth, or basicauth, from the site"},
		haproxy: {"remove http-request auth, or: http-request auth unless { path_beg /push/ }"},
		traefik: {"remove the basicAuth middleware from the routers of Nextcloud and /push"},
	}},
	BasicAuthBeforeUs: {"Let the push server's own address in without a password, or have the push server ask Nextcloud by a way without one (--nextcloud-url, --nextcloud-connect-to).", map[proxy][]string{
		nginx:   {"satisfy any; allow 127.0.0.1; deny all;   # beside auth_basic, with the push server's address"},
		apache:  {"Require ip 127.0.0.1   # beside Require valid-user, in <RequireAny>, with the push server's address"},
		caddy:   {"@outside not remote_ip 127.0.0.1   # with the push server's address", "basic_auth @outside {"},
		haproxy: {"http-request auth unless { src 127.0.0.1 } or { http_auth(users) }   # with the push server's address"},
		traefik: {"a router with ClientIP(`127.0.0.1`) and a higher priority, without the basicAuth middleware"},
	}},
	Cached: {"Take the push server out of the cache: its answers say no-store.", map[proxy][]string{
		nginx:   {"proxy_cache off;   # in the location of /push/"},
		apache:  {"CacheDisable /push/"},
		caddy:   {"take /push/* out of the cache handler"},
		haproxy: {"http-request cache-use … unless { path_beg /push/ }"},
	}},
	HeldBack: {"Something on the way holds answers back, until a buffer is full or a time is over. Look for buffering, filters and scanners at /push/.", map[proxy][]string{
		nginx:   {"proxy_buffering off;"},
		apache:  {"remove mod_buffer and mod_security from <Location /push/>"},
		haproxy: {"remove option http-buffer-request, and the inspect-delay of tcp-response, from the backend of /push/"},
		traefik: {"remove the buffering middleware from the router of /push"},
	}},
	Redirected: {"Browsers and desktop clients do not follow redirects of a websocket. Have the push server answer at the address that Nextcloud names, or name the other with occ notify_push:setup.", map[proxy][]string{
		nginx:   {"location ^~ /push/ {   # in the server block of https, not in one that redirects"},
		apache:  {"RewriteRule ^/push/ - [END]   # before the rules that redirect"},
		caddy:   {"handle_path /push/* {   # beside the redir, which needs a handle of its own"},
		haproxy: {"http-request redirect … unless { path_beg /push/ }"},
		traefik: {"remove the redirect middleware from the router of /push"},
	}},
	HTTP2WithoutTLS: {"This port speaks HTTP/2 without TLS, which no client understands: have it speak HTTP/1.1.", map[proxy][]string{
		nginx:   {"listen 80;   # without http2; only listen 443 ssl http2"},
		apache:  {"Protocols http/1.1   # without h2c"},
		haproxy: {"bind :80   # without proto h2"},
	}},
	Compressed: {"The push server compresses no websockets. Turn it off in what does.", nil},
	CutAtClose: {"Something on the way cuts websockets instead of passing their end on. Clients come back later than they could.", nil},
}

// Remedy returns what to do about a fault, in one or two sentences, and behind it the lines to change of each proxy.
func Remedy(f Fault, separator string) string {
	return strings.Join(append([]string{remedies[f].advice}, linesFor(f, unknownProxy, "")...), separator)
}

// linesFor returns the lines for the proxy that was recognised, and those of all where it was not. They have the push server at an
// address, "" for the documented one.
func linesFor(f Fault, p proxy, pushServer string) (lines []string) {
	for _, one := range []proxy{nginx, apache, caddy, haproxy, traefik} {
		if p != unknownProxy && p != one {
			continue
		}
		for _, line := range remedies[f].lines[one] {
			if pushServer != "" {
				line = strings.ReplaceAll(line, documented, pushServer)
			}
			lines = append(lines, string(one)+": "+line)
		}
	}
	return lines
}
