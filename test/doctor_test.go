package test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/cli/doctor"
	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/storage/storagetest"
	"github.com/notifypush/notifypush/transport/proxytest"
)

// The pieces of a good configuration; {push} and {cloud} are the addresses of push server and Nextcloud.
const (
	nginxCloud = `location / { proxy_pass http://{cloud}; proxy_set_header Host $http_host; }`
	nginxPush  = `proxy_pass http://{push}/; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "Upgrade";
		proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`
	haproxyServers = "backend cloud\n\tserver c {cloud}\nbackend push\n\thttp-request replace-path /push/(.*) /\\1\n\tserver p {push}\n"
	haproxyRoutes  = "\tuse_backend push if { path_beg /push/ }\n\tdefault_backend cloud\n"
)

// setup is how a Nextcloud and a push server are behind a proxy, which may be broken.
type setup struct {
	start   func(fill func(string) string) front
	at      string   // the site's address, "http://{front}" by default
	push    string   // what the capabilities name, "{site}/push" by default
	cloud   string   // where the push server finds Nextcloud, "http://{cloud}" by default
	env     []string // of the doctor
	slow    bool     // without --quick
	server  string   // a variable of the push server
	trusted string   // by Nextcloud, 127.0.0.1/32 by default
}

// front starts a proxy at an address.
type front func(t *testing.T, address string)

func nginxFront(inServer string, inHTTP ...string) func(fill func(string) string) front {
	return func(fill func(string) string) front {
		return func(t *testing.T, address string) {
			proxytest.NginxWith(t, address, fill(strings.Join(inHTTP, "\n")), fill(inServer+nginxCloud))
		}
	}
}

func apacheFront(inHost string) func(fill func(string) string) front {
	return func(fill func(string) string) front {
		return func(t *testing.T, address string) {
			proxytest.ApacheWith(t, address, fill(inHost+"\nProxyPass / http://{cloud}/\nProxyPreserveHost On\n"))
		}
	}
}

func caddyFront(inSite string) func(fill func(string) string) front {
	return func(fill func(string) string) front {
		return func(t *testing.T, address string) {
			proxytest.CaddyWith(t, address, fill(inSite+"\nhandle {\n\treverse_proxy {cloud}\n}\n"))
		}
	}
}

func haproxyFront(inFrontend, sections string) func(fill func(string) string) front {
	return func(fill func(string) string) front {
		return func(t *testing.T, address string) {
			proxytest.HAProxyWith(t, address, fill(inFrontend), fill(sections))
		}
	}
}

// examine has the doctor look at a setup.
func examine(t *testing.T, with setup, arguments ...string) []doctor.Finding {
	s := newSite(t)
	address, second := proxytest.FreeAddress(t), proxytest.FreeAddress(t)
	addresses := strings.NewReplacer("{front}", address, "{second}", second, "{cloud}", strings.TrimPrefix(s.server.URL, "http://"))
	s.url = addresses.Replace(cmp.Or(with.at, "http://{front}"))
	s.open(nextcloud.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix(cmp.Or(with.trusted, "127.0.0.1/32"))}, PushURL: addresses.Replace(strings.ReplaceAll(cmp.Or(with.push, "{site}/push"), "{site}", s.url))})
	p := s.serve("NEXTCLOUD_URL="+addresses.Replace(cmp.Or(with.cloud, "http://{cloud}")), cmp.Or(with.server, "NO_ANSI=1"))
	with.start(func(text string) string {
		text = strings.NewReplacer("{push}", p.address(), "{operators}", fmt.Sprintf("127.0.0.1:%d", p.metricsPort)).Replace(text)
		return addresses.Replace(text)
	})(t, address)

	arguments = append([]string{"doctor", s.url, "alice", passwordOf("alice"), "--json"}, arguments...)
	if !with.slow {
		arguments = append(arguments, "--quick")
	}
	if !slices.Contains(arguments, "--redis-url") {
		arguments = append(arguments, "--redis-url", s.redis.URL())
	}
	command := program(t, t.Context(), arguments...)
	command.Env = append(command.Environ(), append(with.env, fmt.Sprintf("PORT=%d", p.port))...)
	stdout, _ := command.Output()
	t.Log(string(stdout))
	require.NotContains(t, string(stdout), passwordOf("alice"))
	var findings []doctor.Finding
	red := false
	for decoder := json.NewDecoder(bytes.NewReader(stdout)); decoder.More(); {
		var f doctor.Finding
		require.NoError(t, decoder.Decode(&f))
		f.Lines = slices.Collect(func(yield func(string) bool) { // as documented, whatever the port is
			for _, line := range f.Lines {
				yield(strings.ReplaceAll(line, p.address(), "{push}"))
			}
		})
		findings = append(findings, f)
		red = red || f.Status == doctor.Red
	}
	require.Equal(t, red, command.ProcessState.ExitCode() == 1)
	return findings
}

// requireDiagnosis wants one finding at a step, with words in its text and lines.
func requireDiagnosis(t *testing.T, findings []doctor.Finding, step string, status doctor.Status, words ...string) {
	t.Helper()
	for _, f := range findings {
		if f.Step != step {
			continue
		}
		require.Equal(t, status, f.Status, f.Detail)
		text := f.Detail + "\n" + f.Advice + "\n" + strings.Join(f.Lines, "\n")
		for _, word := range words {
			require.Contains(t, text, word)
		}
		return
	}
	t.Fatalf("no finding about %s among %v", step, findings)
}

// TestDoctorFindsWhatProxiesDoWrong breaks real proxies one by one. The name of each is the fault.
func TestDoctorFindsWhatProxiesDoWrong(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	folder := t.TempDir()
	passwords := filepath.Join(folder, "passwords")
	require.NoError(t, os.WriteFile(passwords, []byte("x:$apr1$x$x\n"), 0o644))
	nginxAuth := `auth_basic "closed shop"; auth_basic_user_file ` + passwords + `; `
	apacheAuth := "AuthType Basic\nAuthName \"closed shop\"\nAuthBasicProvider file\nAuthUserFile " + passwords + "\nRequire valid-user\n"
	nginxGood := "location ^~ /push/ { " + nginxPush + " }"
	apacheGood := "ProxyPass /push/ws ws://{push}/ws\nProxyPass /push/ http://{push}/"
	caddyGood := "handle_path /push/* {\n\treverse_proxy {push}\n}"
	haproxyGood := "\toption forwardfor\n" + haproxyRoutes
	authority := storagetest.NewAuthority(t)
	cert, key := authority.Issue("127.0.0.1", "127.0.0.1")
	otherCert, otherKey := authority.Issue("other.example", "other.example")
	selfCert, selfKey := authority.SelfSigned("127.0.0.1", "127.0.0.1")
	trusted := []string{"SSL_CERT_FILE=" + authority.CA}
	nginxTLS := func(cert, key, more string) string {
		return "server { listen {second} ssl; ssl_certificate " + cert + "; ssl_certificate_key " + key + "; " + more + nginxGood + nginxCloud + " }"
	}
	for _, test := range []struct {
		name  string
		setup setup
		step  string
		words []string
	}{
		{"nginx withholds Upgrade", setup{start: nginxFront(`location ^~ /push/ { proxy_pass http://{push}/; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }`)},
			"handshake", []string{"Upgrade", "nginx: proxy_set_header Upgrade $http_upgrade;"}},
		{"HAProxy withholds Upgrade", setup{start: haproxyFront("\toption forwardfor\n\thttp-request del-header Upgrade\n"+haproxyRoutes, haproxyServers)},
			"handshake", []string{"Upgrade", "HAProxy: option http-server-close", "no http-request del-header Upgrade"}},
		{"Caddy withholds Upgrade", setup{start: caddyFront("handle_path /push/* {\n\trequest_header -Upgrade\n\treverse_proxy {push}\n}")},
			"handshake", []string{"Upgrade", "Caddy: reverse_proxy {push}"}},
		{"nginx speaks HTTP/1.0 to the server", setup{start: nginxFront("location ^~ /push/ { " + strings.Replace(nginxPush, "proxy_http_version 1.1;", "", 1) + " }")},
			"handshake", []string{"HTTP/1.1 is missing", "nginx: proxy_http_version 1.1;"}},
		{"nginx withholds Connection", setup{start: nginxFront("location ^~ /push/ { " + strings.Replace(nginxPush, `"Upgrade"`, "close", 1) + " }")},
			"handshake", []string{`"Connection: Upgrade" is missing`, `nginx: proxy_set_header Connection "Upgrade";`}},
		{"Apache passes /push/ws on as a page", setup{start: apacheFront("ProxyPass /push/ws http://{push}/ws\nProxyPass /push/ http://{push}/")},
			"handshake", []string{"Upgrade", "Apache: ProxyPass /push/ws ws://{push}/ws"}},
		{"HAProxy denies websockets", setup{start: haproxyFront("\thttp-request deny if { path /push/ws }\n"+haproxyGood, haproxyServers)},
			"handshake", []string{"403", "HAProxy: http-request deny … unless { path_beg /push/ }"}},
		{"nginx denies", setup{start: nginxFront("location ^~ /push/ { deny all; " + nginxPush + " }")}, "push URL", []string{"403", "nginx: allow all;"}},
		{"Apache's lines in the wrong order", setup{start: apacheFront("ProxyPass /push/ http://{push}/\nProxyPass /push/ws ws://{push}/ws")},
			"handshake", []string{"Upgrade", "Apache: ProxyPass /push/ws ws://{push}/ws"}},

		{"nginx without X-Forwarded-For", setup{start: nginxFront(`location ^~ /push/ { proxy_pass http://{push}/; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "Upgrade"; }`)},
			"X-Forwarded-For", []string{"all clients have the proxy's address", "nginx: proxy_set_header X-Forwarded-For"}},
		{"HAProxy without forwardfor", setup{start: haproxyFront(haproxyRoutes, haproxyServers)}, "X-Forwarded-For", []string{"HAProxy: http-request set-header X-Forwarded-For %[src]"}},
		{"Apache without X-Forwarded-For", setup{start: apacheFront("ProxyAddHeaders Off\n" + apacheGood)}, "X-Forwarded-For", []string{"Apache: ProxyAddHeaders On"}},
		{"Caddy without X-Forwarded-For", setup{start: caddyFront("handle_path /push/* {\n\treverse_proxy {push} {\n\t\theader_up -X-Forwarded-For\n\t}\n}")},
			"X-Forwarded-For", []string{"Caddy: reverse_proxy {push}", "without header_up"}},
		{"Caddy replaces X-Forwarded-For before Nextcloud", setup{start: caddyFront(caddyGood), cloud: "http://{front}"},
			"X-Forwarded-For at Nextcloud", []string{"takes 127.0.0.1 for the client", "Caddy: trusted_proxies 127.0.0.1/8 ::1"}},
		{"nginx replaces X-Forwarded-For before Nextcloud", setup{start: nginxFront(nginxGood + "location /index.php/ { proxy_pass http://{cloud}; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr; }"), cloud: "http://{front}"},
			"X-Forwarded-For at Nextcloud", []string{"takes 127.0.0.1 for the client", "nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"}},

		{"nginx without the location", setup{start: nginxFront("")}, "push URL", []string{"not the push server", "nginx: location ^~ /push/ {"}},
		{"Apache without ProxyPass", setup{start: apacheFront("")}, "push URL", []string{"not the push server", "Apache: ProxyPass /push/ws ws://{push}/ws"}},
		{"Caddy without the block", setup{start: caddyFront("")}, "push URL", []string{"Caddy: handle_path /push/* {"}},
		{"HAProxy without use_backend", setup{start: haproxyFront("\tdefault_backend cloud\n", "backend cloud\n\tserver c {cloud}\n")}, "push URL", []string{"HAProxy: use_backend push"}},
		{"capabilities name a path that is none", setup{start: nginxFront(nginxGood), push: "{site}/elsewhere"}, "push URL", []string{"/elsewhere/test/cookie answered 404", "nginx: location ^~ /push/ {"}},
		{"nginx mangles the path", setup{start: nginxFront("location ^~ /push/ { " + strings.Replace(nginxPush, "{push}/;", "{push}/to;", 1) + " }")},
			"push URL", []string{"the push server answers, and gets another path", "with the / at the end"}},

		{"nginx with a wrong port", setup{start: nginxFront(strings.ReplaceAll(nginxGood, "{push}", "127.0.0.1:1"))}, "push URL", []string{"502", "port", "nginx: proxy_pass http://{push}/;"}},
		{"Apache with a wrong port", setup{start: apacheFront(strings.ReplaceAll(apacheGood, "{push}", "127.0.0.1:1"))}, "push URL", []string{"503", "port", "Apache: ProxyPass /push/ http://{push}/"}},
		{"Caddy with a wrong port", setup{start: caddyFront(strings.ReplaceAll(caddyGood, "{push}", "127.0.0.1:1"))}, "push URL", []string{"502", "port", "Caddy: reverse_proxy {push}"}},
		{"HAProxy with a wrong port", setup{start: haproxyFront(haproxyGood, strings.ReplaceAll(haproxyServers, "{push}", "127.0.0.1:1"))}, "push URL", []string{"503", "port", "HAProxy: server push {push}"}},
		{"nginx with the operators' port", setup{start: nginxFront(strings.ReplaceAll(nginxGood, "{push}", "{operators}"))}, "push URL", []string{"404", "port", "nginx:     proxy_pass http://{push}/;"}},

		{"nginx asks for a password at /push/", setup{start: nginxFront("location ^~ /push/ { " + nginxAuth + nginxPush + " }")}, "push URL", []string{`realm "closed shop"`, "nginx: auth_basic off;"}},
		{"Apache asks for a password at /push/", setup{start: apacheFront("<Location /push/>\n" + apacheAuth + "</Location>\n" + apacheGood)}, "push URL", []string{`realm "closed shop"`, "Apache:     Require all granted"}},
		{"HAProxy asks for a password at /push/", setup{start: haproxyFront(haproxyGood+"\thttp-request auth realm closed if { path_beg /push/ }\n", haproxyServers)}, "push URL", []string{`realm "closed"`, "HAProxy: remove http-request auth"}},
		{"nginx asks for a password everywhere", setup{start: nginxFront(nginxAuth + nginxGood)}, "capabilities", []string{`realm "closed shop"`, "nginx: auth_basic off;"}},
		{"Apache asks for a password everywhere", setup{start: apacheFront("<Location />\n" + apacheAuth + "</Location>\n" + apacheGood)}, "capabilities", []string{`realm "closed shop"`, "Apache: <Location />"}},
		{"nginx asks the push server for a password", setup{start: nginxFront(nginxGood, "server { listen {second}; "+nginxAuth+nginxCloud+" }"), cloud: "http://{second}"},
			"X-Forwarded-For at Nextcloud", []string{`realm "closed shop"`, "nginx: satisfy any; allow 127.0.0.1; deny all;"}},

		{"nginx redirects", setup{start: nginxFront(`location ^~ /push/ { return 301 https://elsewhere.example$request_uri; }`)},
			"push URL", []string{"redirects to https://elsewhere.example/push/", "websockets do not follow redirects", "nginx: location"}},
		{"nginx answers from a cache", setup{start: nginxFront(`proxy_cache c; proxy_cache_valid 200 1m; proxy_ignore_headers Cache-Control; `+nginxGood, "proxy_cache_path "+filepath.Join(folder, "cache")+" keys_zone=c:1m;")},
			"cache", []string{"nginx: proxy_cache off;"}},
		{"HAProxy holds answers back", setup{start: haproxyFront(haproxyGood, haproxyServers+"\ttcp-response inspect-delay 60s\n\ttcp-response content accept if WAIT_END\n")},
			"handshake", []string{"no answer within 10s", "holds answers back", "inspect-delay of tcp-response"}},
		{"Caddy speaks HTTP/2 without TLS to the server", setup{start: caddyFront("handle_path /push/* {\n\treverse_proxy h2c://{push}\n}")}, "push URL", []string{"502", "not h2c"}},
		{"HAProxy speaks HTTP/2 without TLS to the server", setup{start: haproxyFront(haproxyGood, strings.Replace(haproxyServers, "{push}", "{push} proto h2", 1))}, "push URL", []string{"503", "HAProxy: server push {push}   # without proto h2"}},
		{"a port of nginx speaks HTTP/2 without TLS", setup{start: nginxFront("", "server { listen {second} http2; "+nginxGood+nginxCloud+" }"), at: "http://{second}"},
			"capabilities", []string{"HTTP/2", "nginx: listen 80;   # without http2"}},
		{"a port of HAProxy speaks HTTP/2 without TLS", setup{start: haproxyFront(haproxyGood, haproxyServers+"frontend second\n\tbind {second} proto h2\n"+haproxyRoutes), at: "http://{second}"},
			"capabilities", []string{"HTTP/2", "HAProxy: bind :80   # without proto h2"}},

		{"a push URL on http", setup{start: nginxFront(nginxGood, nginxTLS(cert, key, "")), at: "https://{second}", push: "http://{front}/push", env: trusted},
			"capabilities", []string{"ws://", "not encrypted although Nextcloud is", "overwrite.cli.url", "occ notify_push:setup https://"}},
		{"a push URL on http that is redirected to https", setup{start: nginxFront("location ^~ /push/ { return 301 https://{second}$request_uri; }", nginxTLS(cert, key, "")), at: "https://{second}", push: "http://{front}/push", env: trusted},
			"capabilities", []string{"ws://", "not encrypted although Nextcloud is", "overwrite.cli.url"}},
		{"a chain without its intermediate", setup{start: nginxFront("", nginxTLS(cert, key, "")), at: "https://{second}"}, "certificate", []string{`without the intermediate one of "Test authority"`, "fullchain.pem"}},
		{"a certificate for another name", setup{start: nginxFront("", nginxTLS(otherCert, otherKey, "")), at: "https://{second}", env: trusted}, "certificate", []string{"is for other.example, not for 127.0.0.1"}},
		{"a certificate of nobody", setup{start: nginxFront("", nginxTLS(selfCert, selfKey, "")), at: "https://{second}"}, "certificate", []string{"self-signed"}},
		{"https at a port without TLS", setup{start: nginxFront(nginxGood), at: "https://{front}"}, "certificate", []string{"speaks no TLS"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			findings := examine(t, test.setup)
			requireDiagnosis(t, findings, test.step, doctor.Red, test.words...)
			proxy, _, _ := strings.Cut(test.name, " ")
			for _, f := range findings {
				for _, line := range f.Lines {
					if slices.Contains([]string{"nginx", "Apache", "Caddy", "HAProxy"}, strings.TrimSuffix(proxy, "'s")) {
						require.True(t, strings.HasPrefix(line, strings.TrimSuffix(proxy, "'s")+": "), "it is recognised, and no other is advised: %s", line)
					}
				}
			}
		})
	}
}

// TestDoctorKnowsTrustedProxies has a Nextcloud that does not trust the push server's address, whose config.php the doctor has.
func TestDoctorKnowsTrustedProxies(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	config := s.writeConfig("'trusted_proxies' => ['10.0.0.1'],")
	findings := examine(t, setup{start: nginxFront("location ^~ /push/ { " + nginxPush + " }"), trusted: "10.0.0.1/32"}, "--config", config)
	requireDiagnosis(t, findings, "X-Forwarded-For at Nextcloud", doctor.Red, "takes 127.0.0.1 for the client", "none of its trusted_proxies", "occ config:system:set trusted_proxies 1 --value=127.0.0.1")
}

// TestDoctorKnowsPagesThatAreRefused has the server admit the pages of another site alone.
func TestDoctorKnowsPagesThatAreRefused(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	findings := examine(t, setup{start: nginxFront("location ^~ /push/ { " + nginxPush + " }"), server: "ALLOWED_ORIGINS=https://elsewhere.example"})
	requireDiagnosis(t, findings, "web pages", doctor.Yellow, "are refused, so browsers get no pushes", "trusted_domains", "--allowed-origins")
}

// TestAWebServersPasswordIsNoWrongPassword has a web server ask the push server for a password when that asks about logins. Nobody
// has guessed: the address goes on, the client is told why, and so are readiness and the doctor.
func TestAWebServersPasswordIsNoWrongPassword(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	var guarded atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if guarded.Load() && r.Header.Get("X-Forwarded-For") != "" { // the push server's questions about logins
			w.Header().Set("WWW-Authenticate", `Basic realm="closed shop"`)
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, "<html>")
			return
		}
		s.serveCloud(w, r)
	}))
	t.Cleanup(front.Close)
	s.open(nextcloud.Options{PushURL: s.url})
	p := s.serve("NEXTCLOUD_URL=" + front.URL)
	s.open(nextcloud.Options{PushURL: "http://" + p.address()})
	guarded.Store(true)
	for range 12 { // two more than wrong passwords would be let through
		c := p.dial("/ws")
		c.say("alice", passwordOf("alice"))
		require.Equal(t, `err: Error while sending authentication request to nextcloud: a web server in front of Nextcloud asks for a password of its own (realm "closed shop")`, c.hear())
	}
	require.Contains(t, request(t, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/readyz", p.metricsPort)).body, "closed shop")
	require.Zero(t, p.metric("notify_push_logins_refused_total"))
	got := run(t, t.Context(), "doctor", s.url, "alice", passwordOf("alice"), "--json", "--quick")
	require.Equal(t, 1, got.status)
	require.Contains(t, got.stdout, `"step":"login","status":"red"`)
	require.Contains(t, got.stdout, "nginx: satisfy any; allow 127.0.0.1; deny all;")
	guarded.Store(false)
	p.login("bob") // alice's failure is remembered for a moment
}

// TestDoctorFindsFaultsOfRedis has the push server listen to another Redis than Nextcloud publishes to.
func TestDoctorFindsFaultsOfRedis(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	other := storagetest.Redis(t)
	findings := examine(t, setup{start: nginxFront("location ^~ /push/ { " + nginxPush + " }")}, "--redis-url", other.URL())
	requireDiagnosis(t, findings, "X-Forwarded-For at Nextcloud", doctor.Red, "does not know the self test's token of this Redis", "notify_push check")
}

// TestDoctorFindsFaultsOfTheDatabase has a push server that looks for tables of other names than Nextcloud's.
func TestDoctorFindsFaultsOfTheDatabase(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	findings := examine(t, setup{start: nginxFront("location ^~ /push/ { " + nginxPush + " }"), server: "DATABASE_PREFIX=nc_"})
	requireDiagnosis(t, findings, "database", doctor.Red, "pushes of files do not come", "nc_mounts", "notify_push check")
	requireDiagnosis(t, findings, "push", doctor.Green)
}

// TestDoctorIsPleased has nothing to find, and finds nothing.
func TestDoctorIsPleased(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	authority := storagetest.NewAuthority(t)
	cert, key := authority.Issue("127.0.0.1", "127.0.0.1")
	cache := filepath.Join(t.TempDir(), "cache")
	for name, with := range map[string]setup{
		"nginx":                    {start: nginxFront("location ^~ /push/ { " + nginxPush + " }")},
		"Apache":                   {start: apacheFront("ProxyPass /push/ws ws://{push}/ws\nProxyPass /push/ http://{push}/")},
		"Caddy":                    {start: caddyFront("handle_path /push/* {\n\treverse_proxy {push}\n}")},
		"HAProxy":                  {start: haproxyFront("\toption forwardfor\n"+haproxyRoutes, haproxyServers)},
		"nginx keeps the prefix":   {start: nginxFront("location ^~ /push/ { " + strings.Replace(nginxPush, "{push}/;", "{push};", 1) + " }")},
		"nginx doubles the slash":  {start: nginxFront("location ^~ /push { " + nginxPush + " }")},
		"nginx and a slash more":   {start: nginxFront("location ^~ /push/ { " + nginxPush + " }"), push: "{site}/push/"},
		"nginx compresses":         {start: nginxFront("gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any; location ^~ /push/ { " + nginxPush + " }")},
		"nginx has a cache":        {start: nginxFront("proxy_cache c; proxy_cache_valid any 1m; location ^~ /push/ { "+nginxPush+" }", "proxy_cache_path "+cache+" keys_zone=c:1m;")},
		"Caddy trusts the server":  {start: caddyFrontTrusting, cloud: "http://{front}"},
		"nginx with a certificate": {start: nginxFront("", "server { listen {second} ssl; ssl_certificate "+cert+"; ssl_certificate_key "+key+"; location ^~ /push/ { "+nginxPush+" }"+nginxCloud+" }"), at: "https://{second}", env: []string{"SSL_CERT_FILE=" + authority.CA}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findings := examine(t, with)
			for _, f := range findings {
				switch f.Step {
				case "address": // http, in a test
				case "certificate": // which is good for a day
					require.Equal(t, doctor.Yellow, f.Status, f)
					require.Contains(t, f.Advice, "expires within two weeks")
				default:
					require.Equal(t, doctor.Green, f.Status, f)
				}
			}
			proxy, _, _ := strings.Cut(name, " ")
			requireDiagnosis(t, findings, "push URL", doctor.Green, "this push server behind "+proxy)
			requireDiagnosis(t, findings, "X-Forwarded-For at Nextcloud", doctor.Green)
			requireDiagnosis(t, findings, "database", doctor.Green)
			requireDiagnosis(t, findings, "push", doctor.Green, "from Redis to here")
			requireDiagnosis(t, findings, "close", doctor.Green)
		})
	}
}

// caddyFrontTrusting has Caddy believe the push server on the way to Nextcloud.
func caddyFrontTrusting(fill func(string) string) front {
	return func(t *testing.T, address string) {
		proxytest.CaddyWith(t, address, fill("handle_path /push/* {\n\treverse_proxy {push}\n}\nhandle {\n\treverse_proxy {cloud} {\n\t\ttrusted_proxies 127.0.0.1/32\n\t}\n}\n"))
	}
}

// TestDoctorWaitsForTimeouts has proxies that cut connections sooner than the heartbeat comes.
func TestDoctorWaitsForTimeouts(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	for name, test := range map[string]struct {
		start func(fill func(string) string) front
		line  string
	}{
		"nginx":                          {nginxFront("location ^~ /push/ { " + nginxPush + " proxy_read_timeout 2s; }"), "nginx: proxy_read_timeout 60s;"},
		"Apache":                         {apacheFront("ProxyTimeout 2\nTimeout 2\nProxyPass /push/ws ws://{push}/ws\nProxyPass /push/ http://{push}/"), "Apache: Timeout 60"},
		"HAProxy":                        {haproxyFront("\toption forwardfor\n"+haproxyRoutes, haproxyServers+"\ttimeout tunnel 2s\n"), "HAProxy: timeout tunnel 5m"},
		"HAProxy without timeout tunnel": {haproxyFront("\ttimeout client 2s\n\toption forwardfor\n"+haproxyRoutes, haproxyServers), "HAProxy: timeout client 60s"},
		"Caddy":                          {caddyFront("handle_path /push/* {\n\treverse_proxy {push} {\n\t\ttransport http {\n\t\t\tread_timeout 2s\n\t\t}\n\t}\n}"), "read and write timeouts of the transport"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findings := examine(t, setup{start: test.start, slow: true})
			requireDiagnosis(t, findings, "silence", doctor.Red, "of silence", test.line)
			for _, f := range findings {
				if f.Step == "silence" {
					require.Regexp(t, `was cut after [1-9][.\d]*s of silence`, f.Detail)
				}
			}
		})
	}
}

// middlebox is a proxy for what the real ones cannot be made to do: it passes pages on, and websockets as pass does.
func middlebox(pass func(client, server net.Conn, answered *bufio.Reader)) func(fill func(string) string) front {
	return func(fill func(string) string) front {
		return func(t *testing.T, address string) {
			listener, err := net.Listen("tcp", address)
			require.NoError(t, err)
			var open sync.WaitGroup
			t.Cleanup(open.Wait)
			t.Cleanup(func() { listener.Close() })
			serve := func(client net.Conn) {
				defer client.Close()
				requests := bufio.NewReader(client)
				request, err := http.ReadRequest(requests)
				if err != nil {
					return
				}
				to := fill("{cloud}")
				if strings.HasPrefix(request.URL.Path, "/push/") {
					to = fill("{push}")
				}
				server, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer server.Close()
				request.Header.Set("X-Forwarded-For", "127.0.0.1")
				if request.Write(server) != nil {
					return
				}
				answers := bufio.NewReader(server)
				if request.Header.Get("Upgrade") == "" {
					_, _ = io.Copy(client, answers)
					return
				}
				pass(client, server, answers)
			}
			open.Go(func() {
				for {
					client, err := listener.Accept()
					if err != nil {
						return
					}
					open.Go(func() { serve(client) })
				}
			})
		}
	}
}

// passHead passes the answer to a handshake on, with a line more.
func passHead(client net.Conn, answers *bufio.Reader, line string) {
	for {
		text, err := answers.ReadString('\n')
		if err != nil {
			return
		}
		if text == "\r\n" {
			_, _ = io.WriteString(client, line+text)
			return
		}
		_, _ = io.WriteString(client, text)
	}
}

// TestDoctorFindsWhatOtherBoxesDo has something on the way that knows websockets, and not well.
func TestDoctorFindsWhatOtherBoxesDo(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	for _, test := range []struct {
		name   string
		pass   func(client, server net.Conn, answers *bufio.Reader)
		step   string
		status doctor.Status
		words  []string
	}{
		{"answers are held back", func(client, server net.Conn, answers *bufio.Reader) {
			passHead(client, answers, "")
			_, _ = io.Copy(server, client)
		}, "login", doctor.Red, []string{"nothing comes back", "holds answers back", "nginx: proxy_buffering off;"}},
		{"messages of clients are held back", func(client, server net.Conn, answers *bufio.Reader) {
			passHead(client, answers, "")
			_, _ = io.Copy(client, answers)
		}, "login", doctor.Red, []string{"did not reach the push server", "holds answers back"}},
		{"websockets are compressed", func(client, server net.Conn, answers *bufio.Reader) {
			passHead(client, answers, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
			go func() { _, _ = io.Copy(server, client) }()
			_, _ = io.Copy(client, answers)
		}, "handshake", doctor.Yellow, []string{"compresses websockets: permessage-deflate"}},
		{"the end is not passed on", func(client, server net.Conn, answers *bufio.Reader) {
			passHead(client, answers, "")
			go func() { _, _ = io.Copy(client, answers) }()
			message := make([]byte, 4096)
			for {
				n, err := client.Read(message)
				if err != nil || message[0] == 0x88 { // a close frame
					return
				}
				_, _ = server.Write(message[:n])
			}
		}, "close", doctor.Yellow, []string{"a clean close is not answered", "cuts websockets"}},
		{"another answers the handshake", func(client, server net.Conn, answers *bufio.Reader) {
			_, _ = io.WriteString(client, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
			_, _ = io.Copy(io.Discard, client)
		}, "handshake", doctor.Red, []string{"not for this handshake", "proxy_cache off;"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			requireDiagnosis(t, examine(t, setup{start: middlebox(test.pass)}), test.step, test.status, test.words...)
		})
	}
}

// TestDoctorOnATerminal has colours and a line of progress, which makes room for what was found.
func TestDoctorOnATerminal(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	program, err := builtBinary()
	require.NoError(t, err)
	terminal := storagetest.Program(t, "script")
	doctor := func(variables ...string) string {
		cmd := exec.CommandContext(t.Context(), terminal, "-qec", program+" doctor https://127.0.0.1:1 alice --quick", os.DevNull)
		cmd.Env = append(os.Environ(), append(variables, "NOTIFY_PUSH_PASSWORD="+passwordOf("alice"))...)
		output, _ := cmd.Output()
		require.Equal(t, 1, cmd.ProcessState.ExitCode())
		require.NotContains(t, string(output), passwordOf("alice"))
		return string(output)
	}
	shown := doctor()
	require.Contains(t, shown, "\r\x1b[Kresolving the name …\r\x1b[K")
	require.Contains(t, shown, "\x1b[31mred   \x1b[0m  connect: nothing answers at port 1 of 127.0.0.1")
	require.NotContains(t, doctor("NO_COLOR=1"), "\x1b[31m") //nolint:misspell // It is not ours.
}
