package test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// Section 3: from the daemon to Nextcloud.

func TestConformanceUID(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.addUser("Alice Cooper", "acooper@example.com")
	p := s.serveAtOnce()
	c := p.dial("/ws")
	c.logIn("acooper@example.com", passwordOf("Alice Cooper"))
	s.publishAtOnce(customEvent("acooper@example.com", "for the login"), customEvent("Alice Cooper", "for the user id"))
	c.expect("for the user id")

	asked := s.asked("uid")
	require.Len(t, asked, 1)
	require.Equal(t, http.MethodGet, asked[0].method)
	require.Equal(t, "/index.php/apps/notify_push/uid", asked[0].path)
	require.Equal(t, "acooper@example.com", asked[0].user)
	require.Equal(t, passwordOf("Alice Cooper"), asked[0].password)
	require.NotContains(t, asked[0].header, "User-Agent")
}

func TestConformanceNextcloudInASubfolder(t *testing.T) {
	t.Parallel()
	for _, ending := range []string{"", "/"} {
		s := newSite(t)
		front := httptest.NewServer(http.StripPrefix("/cloud", http.HandlerFunc(s.serveCloud)))
		t.Cleanup(front.Close)
		s.serve("NEXTCLOUD_URL=" + front.URL + "/cloud" + ending).login("alice")
	}
}

func TestConformanceForwardedFor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serve()
	for i, test := range []struct {
		name      string
		headers   []string
		forwarded string
	}{
		{"nothing", nil, "127.0.0.1"},
		{"X-Forwarded-For", []string{"X-Forwarded-For", "192.0.2.1, 198.51.100.2"}, "192.0.2.1, 198.51.100.2, 127.0.0.1"},
		{"X-Real-IP", []string{"X-Real-IP", "192.0.2.1"}, "192.0.2.1, 127.0.0.1"},
		{"Forwarded", []string{"Forwarded", `for=192.0.2.1;proto=https, for="[2001:db8::1]:443"`}, "192.0.2.1, 2001:db8::1, 127.0.0.1"},
		{"all three", []string{"Forwarded", "for=192.0.2.3", "X-Real-IP", "192.0.2.2", "X-Forwarded-For", "192.0.2.1"}, "192.0.2.1, 127.0.0.1"},
		{"the last two", []string{"Forwarded", "for=192.0.2.3", "X-Real-IP", "192.0.2.2"}, "192.0.2.2, 127.0.0.1"},
		{"nonsense", []string{"X-Forwarded-For", "\xfe, <script>, nonsense"}, "127.0.0.1"},
	} {
		user := fmt.Sprint("user ", i)
		s.addUser(user)
		p.dial("/ws", test.headers...).logIn(user, passwordOf(user))
		require.Equal(t, test.forwarded, s.asked("uid")[i].header.Get("X-Forwarded-For"), test.name)
	}
}

// TestConformanceUnixSocketHasNoPeer serves clients on a unix socket, as behind a proxy on the same machine.
func TestConformanceUnixSocketHasNoPeer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	path := filepath.Join(storagetest.Dir(t), "push.sock")
	p := s.start("REDIS_URL="+s.redis.URL(), "DATABASE_URL="+s.database, "NEXTCLOUD_URL="+s.url, "--socket-path", path)
	p.awaitServingAt("unix", path)
	for i, test := range []struct {
		header    http.Header
		forwarded []string
	}{
		{http.Header{"X-Forwarded-For": {"192.0.2.1"}}, []string{"192.0.2.1"}},
		{http.Header{}, nil},
	} {
		e := endpoint{network: "unix", address: path, url: "ws://push/ws"}
		e.options.HTTPHeader = test.header
		c, _ := dialEndpoint(t, e)
		user := []string{"alice", "bob"}[i]
		c.logIn(user, passwordOf(user))
		require.Equal(t, test.forwarded, s.asked("uid")[i].header.Values("X-Forwarded-For"))
	}
}

func TestConformanceUserAgent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve("--user-agent", "push of example.com").login("alice")
	require.Equal(t, "push of example.com", s.asked("uid")[0].header.Get("User-Agent"))
}

func TestConformanceSelfSignedNextcloud(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	encrypted := httptest.NewTLSServer(http.HandlerFunc(s.serveCloud))
	encrypted.Config.ErrorLog = quietLog()
	t.Cleanup(encrypted.Close)
	text := s.serve("--nextcloud-url", encrypted.URL).loginRefused("alice", passwordOf("alice"))
	require.Contains(t, text, "err: Error while sending authentication request to nextcloud: ")
	s.serve("--nextcloud-url", encrypted.URL, "--allow-self-signed").login("alice")
	if isOurs() {
		for _, yes := range []string{"1", "true", "yes", "on"} {
			s.serve("NEXTCLOUD_URL="+encrypted.URL, "ALLOW_SELF_SIGNED="+yes).login("alice")
		}
	}
}

// TestConformanceQuestionsOfTheSelfTest is about the calls that the self test makes the daemon make.
func TestConformanceQuestionsOfTheSelfTest(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.setKey("test-token", "sesame")
	s.setKey("notify_push_app_version", "0.0.1")
	p := s.serve()
	p.await("it asks for the app's version", func() bool {
		version, found := s.key("notify_push_app_version")
		return found && version != "0.0.1" && len(s.asked("test/version")) > 0
	})

	s.cloud.SetCookie(4294967295)
	require.Equal(t, "4294967295", p.request(http.MethodGet, "/test/reverse_cookie", "token", "sesame").body)
	require.Equal(t, "sesame", s.asked("test/cookie")[0].header.Get("token"))

	require.Equal(t, "192.0.2.7", p.request(http.MethodGet, "/test/remote/192.0.2.7", "token", "sesame").body)
	require.Equal(t, "sesame", s.asked("test/remote")[0].header.Get("token"))
	require.Equal(t, []string{"192.0.2.7"}, s.asked("test/remote")[0].header.Values("X-Forwarded-For"))

	for _, call := range []string{"test/version", "test/cookie", "test/remote"} {
		require.Equal(t, http.MethodGet, s.asked(call)[0].method)
		require.Equal(t, "/index.php/apps/notify_push/"+call, s.asked(call)[0].path)
		require.NotContains(t, s.asked(call)[0].header, "User-Agent")
	}
}

// TestConformanceForgetsTheAppsOldVersion has an app that cannot write its version again.
func TestConformanceForgetsTheAppsOldVersion(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.setKey("notify_push_app_version", "0.0.1")
	s.cloud.Behave(nextcloud.Behaviour{Fault: nextcloud.FaultError})
	p := s.serve()
	p.await("it asks for the app's version", func() bool { return len(s.asked("test/version")) > 0 })
	_, found := s.key("notify_push_app_version")
	require.False(t, found)
}

// TestConformanceMistakesOfTheOperator are those that the self test is there to show.
func TestConformanceMistakesOfTheOperator(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.setKey("test-token", "sesame")
	p := s.serve()

	s.open(nextcloud.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	require.Equal(t, "127.0.0.1", p.request(http.MethodGet, "/test/remote/198.51.100.1", "token", "sesame").body, "not a trusted proxy")

	s.open(nextcloud.Options{TrustedDomains: []string{"cloud.example.com"}})
	site, err := url.Parse(s.url)
	require.NoError(t, err)
	require.Equal(t, site.Hostname()+" is not configured as a trusted domain for the nextcloud server",
		p.request(http.MethodGet, "/test/reverse_cookie", "token", "sesame").body)

	s.open(nextcloud.Options{})
	s.cloud.Behave(nextcloud.Behaviour{Fault: nextcloud.FaultError})
	for _, path := range []string{"/test/reverse_cookie", "/test/remote/198.51.100.1"} {
		got := p.request(http.MethodGet, path, "token", "sesame")
		require.Equal(t, http.StatusOK, got.status, path)
		require.Contains(t, got.body, "500", path)
	}
}
