package cli

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// healthy is a Nextcloud that anybody may call by any name.
var healthy = nextcloud.New(nextcloud.Options{})

// serveNextcloud gives the address of a Nextcloud that says something else at some paths.
func serveNextcloud(t *testing.T, otherwise map[string]http.HandlerFunc) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer, found := otherwise[r.URL.Path]; found {
			answer(w, r)
			return
		}
		healthy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func saying200(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

func refusing(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, status) }
}

const cookiePath = "/index.php/apps/notify_push/test/cookie"

func TestCheckOfNextcloud(t *testing.T) {
	for _, test := range []struct {
		name      string
		otherwise map[string]http.HandlerFunc
		finding   string
		status    status
		words     []string
		last      bool // nothing is reported of the app after this
	}{
		{"nothing there", map[string]http.HandlerFunc{"/status.php": refusing(404, "")}, "Nextcloud", red, []string{"404", "in a folder"}, true},
		{"another site", map[string]http.HandlerFunc{"/status.php": saying200("<html>Welcome</html>")}, "Nextcloud", red, []string{"no Nextcloud", "/status.php", "overwrite.cli.url"}, true},
		{"broken", map[string]http.HandlerFunc{"/status.php": refusing(500, "")}, "Nextcloud", red, []string{"500"}, true},
		{"overloaded", map[string]http.HandlerFunc{"/status.php": refusing(503, "")}, "Nextcloud", red, []string{"503", "maintenance"}, true},
		{"elsewhere", map[string]http.HandlerFunc{"/status.php": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://cloud.example.com/status.php", http.StatusMovedPermanently)
		}}, "Nextcloud", red, []string{"https://cloud.example.com/status.php"}, true},
		{"maintenance", map[string]http.HandlerFunc{"/status.php": saying200(`{"installed":true,"maintenance":true,"versionstring":"31"}`)}, "Nextcloud", yellow, []string{"maintenance:mode --off"}, false},
		{"upgrade", map[string]http.HandlerFunc{"/status.php": saying200(`{"installed":true,"needsDbUpgrade":true,"versionstring":"31"}`)}, "Nextcloud", yellow, []string{"occ upgrade"}, false},
		{"new", map[string]http.HandlerFunc{"/status.php": saying200(`{"installed":false,"versionstring":"31"}`)}, "Nextcloud", red, []string{"not installed"}, false},
		{"terminal codes", map[string]http.HandlerFunc{"/status.php": saying200(`{"installed":true,"versionstring":"31\u001b[2J\nred"}`)}, "Nextcloud", green, []string{"version 31\\x1b[2J; red answers"}, false},
		{"untrusted name", map[string]http.HandlerFunc{"/status.php": refusing(400, `{"error": "Trusted domain error.", "code": 15}`)}, "trusted domain", red,
			[]string{"127.0.0.1 is not configured as a trusted domain", "Run occ config:system:set trusted_domains 2 --value=127.0.0.1, or write ", `'trusted_domains' => ['localhost', 'it\'s', '127.0.0.1'],`, "--nextcloud-connect-to"}, true},
		{"no app", map[string]http.HandlerFunc{cookiePath: refusing(404, "")}, "app", red, []string{"404", "occ app:enable notify_push"}, false},
		{"app in maintenance", map[string]http.HandlerFunc{cookiePath: refusing(503, "")}, "app", red, []string{"503", "in maintenance mode or overloaded"}, false},
		{"app behind a wall", map[string]http.HandlerFunc{cookiePath: refusing(403, "<html>Forbidden</html>")}, "app", red, []string{"403"}, false},
		{"login page instead of the app", map[string]http.HandlerFunc{cookiePath: saying200("<html>")}, "app", red, []string{"a web page", "occ app:enable notify_push"}, false},
		{"proxy that may be trusted or not, without Redis", nil, "trusted proxy", yellow, []string{"was not asked", "127.0.0.1:1", "from 127.0.0.1, which is none of", "Run occ config:system:set trusted_proxies 6 --value=127.0.0.1, or write ", `'trusted_proxies' => ['10.0.0.1', 'proxy', '127.0.0.1'],`}, false},
		{"late clock", map[string]http.HandlerFunc{"/status.php": dated(-time.Hour)}, "clock", yellow, []string{"1h0m0s behind", "NTP"}, false},
		{"early clock", map[string]http.HandlerFunc{"/status.php": dated(time.Hour)}, "clock", yellow, []string{"ahead of this", "NTP"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			findings, status := checkOnline(t, nowhere+`
				'overwrite.cli.url' => '`+serveNextcloud(t, test.otherwise)+`',
				'trusted_domains' => ['localhost', 'it\'s'], 'trusted_proxies' => [1 => '10.0.0.1', 5 => 'proxy'],`)
			require.Equal(t, 1, status)
			requireFinding(t, findings, test.finding, test.status, test.words...)
			if test.last {
				require.NotContains(t, findings, "app")
			}
		})
	}
}

// dated is status.php of a machine whose clock is wrong.
func dated(ahead time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		healthy.ServeHTTP(w, r)
	}
}

func TestCheckOfTheCertificateOfNextcloud(t *testing.T) {
	server := httptest.NewUnstartedServer(healthy)
	server.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
	server.StartTLS()
	t.Cleanup(server.Close)
	lines := nowhere + `'overwrite.cli.url' => '` + server.URL + `',`

	findings, _ := checkOnline(t, lines)
	requireFinding(t, findings, "Nextcloud", red, "certificate", "--nextcloud-ca", "--allow-self-signed")
	require.NotContains(t, findings, "trusted proxy", "nothing was called")

	findings, _ = checkOnline(t, lines, "--allow-self-signed")
	requireFinding(t, findings, "app", green)
	requireFinding(t, findings, "trusted proxy", yellow, `'trusted_proxies' => ['127.0.0.1'],`)
}

func TestCheckOfNextcloudAtASocket(t *testing.T) {
	socket := filepath.Join(storagetest.Dir(t), "nc.sock")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	server := &http.Server{Handler: nextcloud.New(nextcloud.Options{TrustedDomains: []string{"cloud.example.com"}})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })

	findings, _ := checkOnline(t, nowhere, "--nextcloud-url=http://cloud.example.com", "--nextcloud-connect-to="+socket)
	requireFinding(t, findings, "app", green)
	requireFinding(t, findings, "trusted domain", green, "cloud.example.com")
	requireFinding(t, findings, "trusted proxy", yellow, "unix socket")

	findings, _ = checkOnline(t, nowhere, "--nextcloud-url=http://nobody.example.com", "--nextcloud-connect-to="+socket)
	requireFinding(t, findings, "trusted domain", red, "nobody.example.com is not configured", `'trusted_domains' => ['nobody.example.com'],`)
}

// Without a config.php nothing is known of trusted_proxies.
func TestCheckWithoutConfigFileNamesItsAddress(t *testing.T) {
	clearEnvironment(t)
	t.Chdir(t.TempDir())
	got := command(t.Context(), "", "check", "--nextcloud-url="+serveNextcloud(t, nil), "--redis-url=redis://127.0.0.1:1", "--database-url=sqlite:/nowhere/nc.db")
	require.Equal(t, 1, got.status)
	require.Contains(t, got.stdout, "; calls go out from 127.0.0.1, and Nextcloud's trusted_proxies is not known here")
	require.Contains(t, got.stdout, "'trusted_proxies' => ['127.0.0.1'],")
}

func TestTrustedProxies(t *testing.T) {
	for _, test := range []struct {
		source  string
		trusted string
		want    bool
	}{
		{"127.0.0.1", "", false},
		{"127.0.0.1", "10.0.0.1 127.0.0.1", true},
		{"172.18.0.3", "172.16.0.0/12", true},
		{"172.32.0.3", "172.16.0.0/12", false},
		{"172.18.0.3", "172.18.*.*", false}, // as for Nextcloud
		{"172.18.0.3", "proxy", false},
		{"fd00::1", "fd00::/8", true},
		{"fd00::1", "0:0::1 FD00:0::1", true},
		{"127.0.0.1", "::ffff:127.0.0.1 ::1", false},
	} {
		require.Equal(t, test.want, isTrustedProxy(netip.MustParseAddr(test.source), config.List{Texts: strings.Fields(test.trusted)}), test)
	}
}

// A Nextcloud is asked as logins are, directly and through proxies that do this and that with X-Forwarded-For.
func TestCheckOfTheTrustedProxy(t *testing.T) {
	server := storagetest.Redis(t)
	redis, err := storage.NewRedis(storage.RedisOptions{Addresses: []string{server.URL()}})
	require.NoError(t, err)
	t.Cleanup(func() { redis.Close() })
	site := func(trusted ...string) *httptest.Server {
		options := nextcloud.Options{Redis: redis}
		for _, text := range trusted {
			options.TrustedProxies = append(options.TrustedProxies, netip.MustParsePrefix(text))
		}
		site := httptest.NewServer(nextcloud.New(options))
		t.Cleanup(site.Close)
		return site
	}
	behind := func(site *httptest.Server, change func(*http.Request)) *httptest.Server {
		target, err := url.Parse(site.URL)
		require.NoError(t, err)
		proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			change(r.Out)
		}})
		t.Cleanup(proxy.Close)
		return proxy
	}
	trusting, distrusting := site("127.0.0.0/8"), site("10.0.0.0/8")
	overwriting := func(r *http.Request) { r.Header.Set("X-Forwarded-For", "127.0.0.1") }
	removing := func(r *http.Request) { r.Header.Del("X-Forwarded-For") }
	appending := func(r *http.Request) { r.Header.Set("X-Forwarded-For", r.Header.Get("X-Forwarded-For")+", 127.0.0.1") }
	for name, test := range map[string]struct {
		site  *httptest.Server
		lines string
		want  status
		words []string
	}{
		"trusted":           {trusting, `'trusted_proxies' => ['127.0.0.0/8'],`, green, []string{"believes X-Forwarded-For"}},
		"trusted elsewhere": {trusting, ``, green, nil},
		"not trusted": {distrusting, `'trusted_proxies' => ['10.0.0.0/8'],`, red,
			[]string{"takes 127.0.0.1 for the client", "none of Nextcloud's trusted_proxies", "occ config:system:set trusted_proxies 1 --value=127.0.0.1"}},
		"a proxy that appends":    {behind(trusting, appending), `'trusted_proxies' => ['127.0.0.0/8'],`, green, nil},
		"a proxy that overwrites": {behind(trusting, overwriting), `'trusted_proxies' => ['127.0.0.0/8'],`, red, []string{"a proxy between replaces or removes the header", "$proxy_add_x_forwarded_for"}},
		"a proxy that removes":    {behind(trusting, removing), `'trusted_proxies' => ['127.0.0.0/8'],`, red, []string{"a proxy between replaces or removes the header"}},
		"header that is not read": {trusting, `'trusted_proxies' => ['127.0.0.0/8'], 'forwarded_for_headers' => ['HTTP_X_REAL_IP'],`, red,
			[]string{"forwarded_for_headers", "HTTP_X_FORWARDED_FOR"}},
		"header among others": {trusting, `'forwarded_for_headers' => ['HTTP_X_REAL_IP', 'HTTP_X_FORWARDED_FOR'],`, green, nil},
	} {
		t.Run(name, func(t *testing.T) {
			lines := nowhere + test.lines + `'overwrite.cli.url' => '` + test.site.URL + `', 'redis' => ['port' => ` + portOf(server.URL()) + `],`
			server.Do("", "FLUSHALL")
			findings, _ := checkOnline(t, lines)
			requireFinding(t, findings, "trusted proxy", test.want, test.words...)
			if !strings.Contains(test.lines, "['HTTP_X_REAL_IP'],") {
				requireFinding(t, findings, "trusted proxy", test.want, "there was no test-token in Redis: one was set for 10s, and deleted again")
			}
			require.Nil(t, server.Do("", "GET", "test-token"))

			server.Do("", "SET", "test-token", "of the self test")
			findings, _ = checkOnline(t, lines)
			requireFinding(t, findings, "trusted proxy", test.want, test.words...)
			require.NotContains(t, findings["trusted proxy"].Detail, "test-token")
			require.Equal(t, "of the self test", string(server.Do("", "GET", "test-token").([]byte)))

			server.Do("", "FLUSHALL")
			findings, _ = checkOnline(t, lines, "--no-probe")
			if test.want == green {
				requireFinding(t, findings, "trusted proxy", yellow, "--no-probe", "127.0.0.1")
			}
			require.EqualValues(t, 0, server.Do("", "DBSIZE"))
		})
	}

	other := storagetest.Redis(t)
	findings, _ := checkOnline(t, nowhere+`'overwrite.cli.url' => '`+trusting.URL+`', 'redis' => ['port' => `+portOf(other.URL())+`],`)
	requireFinding(t, findings, "trusted proxy", red, "refuses the token that is in this Redis", "dbindex")
}

// A self test that begins between check's look at the token and its question puts another token there.
func TestCheckBesideASelfTest(t *testing.T) {
	redis := storagetest.Redis(t)
	asked := 0
	url := serveNextcloud(t, map[string]http.HandlerFunc{"/index.php/apps/notify_push/test/remote": func(w http.ResponseWriter, r *http.Request) {
		if asked++; asked%2 == 1 {
			redis.Do("", "SET", "test-token", "of the next self test")
			w.WriteHeader(http.StatusForbidden)
			return
		}
		require.Equal(t, "of the next self test", r.Header.Get("token"))
		fmt.Fprint(w, r.Header.Get("X-Forwarded-For"))
	}})
	findings, _ := checkOnline(t, nowhere+`'overwrite.cli.url' => '`+url+`', 'redis' => ['port' => `+portOf(redis.URL())+`],`)
	requireFinding(t, findings, "trusted proxy", green)
	require.Equal(t, 4, asked, "twice by check, and by check --json")
}
