package test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// Section 5: the app's self test, and its setup wizard.

// selfTests are all endpoints of the self test, with the answer where all is well.
var selfTests = []struct{ method, path, answer string }{
	{http.MethodGet, "/test/cookie", "5"},
	{http.MethodGet, "/test/reverse_cookie", "6"},
	{http.MethodGet, "/test/mapping/7", "2"},
	{http.MethodGet, "/test/remote/192.0.2.7", "192.0.2.7"},
	{http.MethodPost, "/test/version", "set"},
}

// wellSite is a site in which the self test is under way, and fine.
func wellSite(t *testing.T, words ...string) (*site, *pushServer) {
	s := newSite(t)
	s.setKey("test-token", "sesame")
	s.cloud.SetCookie(6)
	for _, user := range []string{"alice", "bob"} {
		s.mounts.Mount(7, user, "")
	}
	s.mounts.Mount(7, "carol", "files")
	p := s.serve(words...)
	s.publish("notify_test_cookie", "5")
	p.await("the cookie arrives", func() bool { return p.request(http.MethodGet, "/test/cookie", "token", "sesame").body == "5" })
	return s, p
}

func TestConformanceSelfTest(t *testing.T) {
	t.Parallel()
	_, p := wellSite(t)
	for _, prefix := range []string{"", "/push"} {
		for _, test := range selfTests {
			got := p.request(test.method, prefix+test.path, "token", "sesame")
			require.Equal(t, http.StatusOK, got.status, test.path)
			require.Equal(t, test.answer, got.body, test.path)
		}
	}
}

func TestConformanceSelfTestNeedsTheToken(t *testing.T) {
	t.Parallel()
	s, p := wellSite(t)
	requireRefused := func(headers ...string) {
		t.Helper()
		for _, prefix := range []string{"", "/push"} {
			for _, test := range selfTests {
				if test.path == "/test/cookie" && (headers == nil || headers[1] == "") {
					continue // see TestConformanceCookieWithoutToken
				}
				got := p.request(test.method, prefix+test.path, headers...)
				require.Equal(t, 4, got.status/100, "%s %v", test.path, headers)
				require.NotEqual(t, test.answer, got.body, test.path)
			}
		}
	}
	requireRefused()
	requireRefused("token", "")
	requireRefused("token", "Sesame")
	requireRefused("token", "sesam")
	s.setKey("test-token", "")
	requireRefused("token", "")
	requireRefused("token", "sesame")
	s.redis.Do("", "DEL", "test-token")
	requireRefused("token", "")
	requireRefused("token", "sesame")
	_, written := s.key("notify_push_version")
	require.False(t, written)
}

func TestConformanceCookieWithoutToken(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	_, p := wellSite(t)
	for _, path := range []string{"/test/cookie", "/push/test/cookie"} {
		for _, headers := range [][]string{nil, {"token", ""}} {
			got := p.request(http.MethodGet, path, headers...)
			require.Equal(t, http.StatusOK, got.status)
			require.Equal(t, "0", got.body, "and not the cookie")
		}
	}
}

// The app compares the answer with the number of rows.
func TestConformanceMappingCountsAsTheApp(t *testing.T) {
	t.Parallel()
	s, p := wellSite(t)
	s.mounts.Mount(7, "alice", "") // once more, as when a folder is shared over two ways
	require.Equal(t, "3", p.request(http.MethodGet, "/test/mapping/7", "token", "sesame").body)
	require.Equal(t, "0", p.request(http.MethodGet, "/test/mapping/4294967295", "token", "sesame").body)
}

func TestConformanceVersionError(t *testing.T) {
	t.Parallel()
	s, p := wellSite(t)
	s.redis.Do("", "CONFIG", "SET", "maxmemory", "1") // no more writes
	require.Equal(t, "error", p.request(http.MethodPost, "/test/version", "token", "sesame").body)
}

func TestConformanceReportsTheAppsVersion(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	s.setKey("test-token", "sesame")
	s.open(nextcloud.Options{AppVersion: "1.4.7"})
	p := s.serve("LOG=info")
	reported := func() string {
		require.Equal(t, "set", p.request(http.MethodPost, "/test/version", "token", "sesame").body)
		version, _ := s.key("notify_push_version")
		return version
	}
	require.Equal(t, "1.4.7", reported())
	s.open(nextcloud.Options{AppVersion: "1.4.8"})
	require.Equal(t, "1.4.8", reported(), "the app was updated meanwhile")
	s.open(nextcloud.Options{AppVersion: "2.0.0"})
	require.NotEqual(t, "2.0.0", reported(), "nobody knows what that speaks")

	printed, err := exec.Command(serverCommand(t)[0], "--version").Output()
	require.NoError(t, err)
	own := strings.Fields(string(printed))[1]
	require.Equal(t, own, p.request(http.MethodGet, "/version").body)
	require.Contains(t, p.metrics(), fmt.Sprintf("version=%q", own))
	p.awaitLog(own)
}

// TestConformanceVersionFromTheAppsFolder has a Nextcloud that cannot say its app's version.
func TestConformanceVersionFromTheAppsFolder(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	s.setKey("test-token", "sesame")
	s.cloud.Behave(nextcloud.Behaviour{Fault: nextcloud.FaultError})
	config := s.writeConfig("")
	info := filepath.Join(filepath.Dir(filepath.Dir(config)), "apps", "notify_push", "appinfo", "info.xml")
	require.NoError(t, os.MkdirAll(filepath.Dir(info), 0o755))
	require.NoError(t, os.WriteFile(info, []byte(`<?xml version="1.0"?><info><id>notify_push</id><version>1.4.9</version></info>`), 0o600))
	p := s.start(config)
	p.awaitServing()
	require.Equal(t, "set", p.request(http.MethodPost, "/test/version", "token", "sesame").body)
	version, _ := s.key("notify_push_version")
	require.Equal(t, "1.4.9", version)
}

// writeConfig returns the path of a config.php for the site, with further lines in its array.
func (s *site) writeConfig(lines string) string {
	s.t.Helper()
	root := storagetest.Dir(s.t)
	config := filepath.Join(root, "config", "config.php")
	require.NoError(s.t, os.MkdirAll(filepath.Dir(config), 0o755))
	require.NoError(s.t, os.WriteFile(config, fmt.Appendf(nil, `<?php
$CONFIG = array (
  'overwrite.cli.url' => '%s',
  'dbtype' => 'sqlite3',
  'datadirectory' => '%s',
  'dbtableprefix' => 'oc_',
  'redis' => array ('host' => '127.0.0.1', 'port' => %d),
  %s
);
`, s.url, filepath.Dir(s.database[len("sqlite:"):]), s.redis.Port, lines), 0o600))
	return config
}

func TestConformanceVersionFlag(t *testing.T) {
	t.Parallel()
	command := append(serverCommand(t), "--version")
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, []string{}
	require.NoError(t, cmd.Run())
	require.Regexp(t, `^notify_push \d+\.\d+\.\S+\n$`, stdout.String())
	require.Empty(t, stderr.String())
}

// TestConformanceWizard starts the daemon as the setup wizard does.
func TestConformanceWizard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := s.writeConfig("'trusted_domains' => array ('cloud.example.com'),")
	serverCommand(t) // is built by now
	requireWithin(t, 2*time.Second, func() time.Duration {
		p := &pushServer{t: t, site: s, output: &output{}, port: storagetest.FreePort(t)}
		began := time.Now()
		p.run(t.TempDir(), fmt.Sprintf("PORT=%d", p.port), "ALLOW_SELF_SIGNED=true", "LOG=notify_push=info", "NEXTCLOUD_URL="+s.url, config)
		p.awaitAnswer("tcp", p.address())
		got := p.request(http.MethodGet, "/test/cookie")
		took := time.Since(began)
		if isOurs() {
			require.Equal(t, http.StatusOK, got.status)
			require.Equal(t, "0", got.body)
		}
		p.awaitSubscription()
		p.login("alice")
		p.terminate()
		return took
	})
}
