package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
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

// front starts a proxy at an address.
type front func(t *testing.T, address string)

func nginxFront(inServer string, inHTTP ...string) func(fill func(string) string) front {
	return func(fill func(string) string) front {
		return func(t *testing.T, address string) {
			proxytest.NginxWith(t, address, strings.Join(inHTTP, "\n"), fill(inServer+nginxCloud))
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

// examine puts a Nextcloud and a push server behind a proxy and has the doctor look at it.
func examine(t *testing.T, start func(fill func(string) string) front, quick bool) []doctor.Finding {
	s := newSite(t)
	address := proxytest.FreeAddress(t)
	s.url = "http://" + address
	s.open(nextcloud.Options{PushURL: s.url + "/push"})
	p := s.serve("NEXTCLOUD_URL=" + s.server.URL)
	fill := func(text string) string {
		return strings.NewReplacer("{push}", p.address(), "{cloud}", strings.TrimPrefix(s.server.URL, "http://")).Replace(text)
	}
	start(fill)(t, address)
	var arguments []string
	if quick {
		arguments = append(arguments, "--quick")
	}
	got := run(t, t.Context(), append([]string{"doctor", s.url, "alice", passwordOf("alice"), "--json", "--redis-url", s.redis.URL()}, arguments...)...)
	var findings []doctor.Finding
	for decoder := json.NewDecoder(bytes.NewReader([]byte(got.stdout))); decoder.More(); {
		var f doctor.Finding
		require.NoError(t, decoder.Decode(&f))
		findings = append(findings, f)
	}
	t.Log(got.stdout)
	red := 0
	for _, f := range findings {
		if f.Status == doctor.Red {
			red++
		}
	}
	require.Equal(t, red > 0, got.status == 1)
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

// TestDoctorFindsWhatProxiesDoWrong breaks real proxies one by one.
func TestDoctorFindsWhatProxiesDoWrong(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	passwords := filepath.Join(t.TempDir(), "passwords")
	require.NoError(t, os.WriteFile(passwords, []byte("x:$apr1$x$x\n"), 0o644))
	for _, test := range []struct {
		name  string
		start func(fill func(string) string) front
		step  string
		words []string
	}{
		{"nginx withholds Upgrade", nginxFront(`location ^~ /push/ { proxy_pass http://{push}/; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }`),
			"handshake", []string{"Upgrade", "nginx: proxy_set_header Upgrade $http_upgrade;"}},
		{"Apache's lines in the wrong order", apacheFront("ProxyPass /push/ http://{push}/\nProxyPass /push/ws ws://{push}/ws"),
			"handshake", []string{"Upgrade", "Apache: ProxyPass /push/ws ws://127.0.0.1:7867/ws"}},
		{"nginx without X-Forwarded-For", nginxFront(`location ^~ /push/ { proxy_pass http://{push}/; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "Upgrade"; }`),
			"X-Forwarded-For", []string{"all clients have the proxy's address", "nginx: proxy_set_header X-Forwarded-For"}},
		{"HAProxy without forwardfor", haproxyFront(haproxyRoutes, haproxyServers),
			"X-Forwarded-For", []string{"HAProxy: option forwardfor"}},
		{"nginx without the location", nginxFront(""),
			"push URL", []string{"not the push server", "nginx: location ^~ /push/ {"}},
		{"nginx with a wrong port", nginxFront(strings.ReplaceAll("location ^~ /push/ { "+nginxPush+" }", "{push}", "127.0.0.1:1")),
			"push URL", []string{"502", "port", "nginx: proxy_pass http://127.0.0.1:7867/;"}},
		{"nginx asks for a password at /push/", nginxFront(`location ^~ /push/ { auth_basic "closed shop"; auth_basic_user_file ` + passwords + `; ` + nginxPush + ` }`),
			"push URL", []string{`realm "closed shop"`, "auth_basic off;"}},
		{"nginx asks for a password everywhere", nginxFront(`auth_basic "closed shop"; auth_basic_user_file ` + passwords + `; location ^~ /push/ { ` + nginxPush + ` }`),
			"capabilities", []string{`realm "closed shop"`, "auth_basic off;"}},
		{"nginx redirects", nginxFront(`location ^~ /push/ { return 301 https://elsewhere.example$request_uri; }`),
			"push URL", []string{"redirects to https://elsewhere.example/push/", "websockets do not follow redirects"}},
		{"nginx answers from a cache", nginxFront(`proxy_cache c; proxy_cache_valid 200 1m; proxy_ignore_headers Cache-Control; location ^~ /push/ { `+nginxPush+` }`, "proxy_cache_path "+filepath.Join(t.TempDir(), "cache")+" keys_zone=c:1m;"),
			"cache", []string{"proxy_cache off;"}},
		{"Caddy speaks HTTP/2 without TLS to the server", caddyFront("handle_path /push/* {\n\treverse_proxy h2c://{push}\n}"),
			"push URL", []string{"502", "not h2c"}},
		{"Caddy without the block", caddyFront(""), "push URL", []string{"Caddy: handle_path /push/* {"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			requireDiagnosis(t, examine(t, test.start, true), test.step, doctor.Red, test.words...)
		})
	}
}

// TestDoctorIsPleased has nothing to find, and finds nothing.
func TestDoctorIsPleased(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	for name, start := range map[string]func(fill func(string) string) front{
		"nginx":   nginxFront("location ^~ /push/ { " + nginxPush + " }"),
		"Apache":  apacheFront("ProxyPass /push/ws ws://{push}/ws\nProxyPass /push/ http://{push}/"),
		"Caddy":   caddyFront("handle_path /push/* {\n\treverse_proxy {push}\n}"),
		"HAProxy": haproxyFront("\toption forwardfor\n"+haproxyRoutes, haproxyServers),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findings := examine(t, start, true)
			for _, f := range findings {
				if f.Step != "address" { // http, in a test
					require.Equal(t, doctor.Green, f.Status, f)
				}
			}
			requireDiagnosis(t, findings, "push", doctor.Green, "from Redis to here")
			requireDiagnosis(t, findings, "close", doctor.Green)
		})
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
		"nginx":   {nginxFront("location ^~ /push/ { " + nginxPush + " proxy_read_timeout 2s; }"), "nginx: proxy_read_timeout 60s;"},
		"Apache":  {apacheFront("ProxyTimeout 2\nTimeout 2\nProxyPass /push/ws ws://{push}/ws\nProxyPass /push/ http://{push}/"), "Apache: Timeout 60"},
		"HAProxy": {haproxyFront("\toption forwardfor\n"+haproxyRoutes, haproxyServers+"\ttimeout tunnel 2s\n"), "HAProxy: timeout tunnel 1h"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireDiagnosis(t, examine(t, test.start, false), "silence", doctor.Red, "of silence", test.line)
		})
	}
}

// TestDoctorKnowsAChainWithoutItsIntermediate has a certificate whose issuer is not sent.
func TestDoctorKnowsAChainWithoutItsIntermediate(t *testing.T) {
	authority := storagetest.NewAuthority(t)
	cert, key := authority.Issue("127.0.0.1", "127.0.0.1")
	port := storagetest.FreePort(t)
	target, err := url.Parse("http://127.0.0.1:1")
	require.NoError(t, err)
	server := &http.Server{Addr: fmt.Sprintf("127.0.0.1:%d", port), Handler: httputil.NewSingleHostReverseProxy(target)}
	go server.ListenAndServeTLS(cert, key)
	t.Cleanup(func() { server.Close() })
	require.Eventually(t, func() bool {
		got := run(t, t.Context(), "doctor", fmt.Sprintf("https://127.0.0.1:%d", port), "alice", "x", "--quick")
		return got.status == 1 && strings.Contains(got.stdout, "fullchain.pem")
	}, patience, 50*1e6)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	got := run(t, t.Context(), "doctor", strings.Replace(plain.URL, "http:", "https:", 1), "alice", "x", "--quick")
	require.Contains(t, got.stdout, "speaks no TLS")
}
