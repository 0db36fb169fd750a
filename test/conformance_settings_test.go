package test

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// Section 6: settings. What each text means is tested with package config; here it is that the daemon does what they say.

// requireWorks has a daemon log alice in and push to her, through all of its dependencies.
func (p *pushServer) requireWorks(e endpoint) {
	p.t.Helper()
	s := p.site
	p.awaitServingAt(e.network, e.address)
	alice, _ := dialEndpoint(p.t, e)
	alice.logIn("alice", passwordOf("alice"))
	s.publishAtOnce(fileEvent(7, "files/a", 1))
	alice.expect("notify_file")
}

// variables are all that a daemon must know of the site.
func (s *site) variables() []string {
	return []string{"REDIS_URL=" + s.redis.URL(), "DATABASE_URL=" + s.database, "NEXTCLOUD_URL=" + s.url, "DEBOUNCE_DISABLE=1"}
}

func (s *site) without(name string) (words []string) {
	for _, variable := range s.variables() {
		if !strings.HasPrefix(variable, name+"=") {
			words = append(words, variable)
		}
	}
	return words
}

// tcp is where a daemon is found if nothing else was said.
func (p *pushServer) tcp() endpoint {
	return endpoint{network: "tcp", address: p.address(), url: "ws://" + p.address() + "/ws"}
}

func TestConformanceRedisURLs(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--tls-auth-clients", "yes", "--bind", "127.0.0.1", "127.0.0.2")
	s.mounts.Mount(7, "alice", "files")
	s.redis.Do("", "ACL", "SETUSER", "pusher", "on", ">p@ss word", "~*", "&*", "+@all")
	cert, key := s.redis.Authority.Issue("client")
	encrypted := []string{"--redis-tls-cert", cert, "--redis-tls-key", key}
	trusted := append([]string{"--redis-tls-ca", s.redis.Authority.CA}, encrypted...)
	elsewhere := strings.Replace(s.redis.TLSURL(), "127.0.0.1", "127.0.0.2", 1) // a name that the certificate has not
	for name, words := range map[string][]string{
		"TCP":                       {"REDIS_URL=" + s.redis.URL()},
		"user and password":         {"REDIS_URL=" + strings.Replace(s.redis.URL(), "//", "//pusher:p%40ss%20word@", 1)},
		"unix":                      {"--redis-url", s.redis.SocketURL()},
		"redis+unix":                {"--redis-url", "redis+" + s.redis.SocketURL()},
		"TLS, client's certificate": append([]string{"--redis-url", s.redis.TLSURL()}, trusted...),
		"the same in variables": {"REDIS_URL=" + s.redis.TLSURL(), "REDIS_TLS_CERT=" + cert, "REDIS_TLS_KEY=" + key,
			"REDIS_TLS_CA=" + s.redis.Authority.CA},
		"another name":  append([]string{"--redis-url", elsewhere, "--redis-tls-dont-validate-hostname"}, trusted...),
		"no authority":  append([]string{"--redis-url", s.redis.TLSURL(), "--redis-tls-insecure"}, encrypted...),
		"in config.php": {s.writeConfig("")},
	} {
		p := s.start(append(s.without("REDIS_URL"), words...)...)
		p.requireWorks(p.tcp())
		t.Log(name)
		p.terminate()
	}
}

func TestConformanceRedisTLSIsChecked(t *testing.T) {
	t.Parallel()
	onlyHere(t) // that it goes on, and says why
	s := newSite(t)
	elsewhere := strings.Replace(s.redis.TLSURL(), "127.0.0.1", "localhost.localdomain", 1)
	for url, words := range map[string][]string{
		s.redis.TLSURL(): nil, // nobody has said whom to trust
		elsewhere:        {"--redis-tls-ca", s.redis.Authority.CA},
	} {
		p := s.start(append(append(s.without("REDIS_URL"), "--redis-url", url), words...)...)
		p.awaitLog("lost connection to redis")
	}
}

func TestConformanceRedisCluster(t *testing.T) {
	t.Parallel()
	nodes := storagetest.RedisCluster(t)
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	s.redis = nodes[2] // where the app publishes
	storagetest.SlotOwner(t, nodes, "", "test-token").Do("", "SET", "test-token", "sesame")
	flags := append(s.without("REDIS_URL"), "--redis-url", nodes[0].URL(), "--redis-url", nodes[1].URL())
	list := append(s.without("REDIS_URL"), "REDIS_URL="+nodes[0].URL()+","+nodes[1].URL())
	for i, words := range [][]string{flags, list} {
		if i == 1 && !isOurs() {
			break // better: the variable takes a list, too
		}
		p := s.start(words...)
		p.await("it serves, and hears Redis", func() bool {
			r, err := http.Get("http://" + p.address() + "/test/cookie")
			if err != nil {
				return false
			}
			r.Body.Close()
			s.publish("notify_test_cookie", "1")
			return p.request(http.MethodGet, "/test/cookie", "token", "sesame").body == "1"
		})
		c := p.login("alice")
		s.publish("notify_activity", `{"user":"alice"}`)
		c.expect("notify_activity")
		p.terminate()
	}
}

func TestConformanceFlagBeforeVariableBeforeConfig(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	other := newSite(t)
	const wrong = "http://127.0.0.1:1/"
	p := other.start("NEXTCLOUD_URL="+wrong, "--nextcloud-url", s.url, "REDIS_URL="+s.redis.URL(), "DATABASE_URL="+s.database,
		"DEBOUNCE_DISABLE=1", other.writeConfig(""))
	p.site = s // all of it
	p.requireWorks(p.tcp())

	p = s.start(s.writeConfig(""), "DEBOUNCE_DISABLE=1") // config.php alone
	p.requireWorks(p.tcp())
}

func TestConformanceDotEnv(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	p := &pushServer{t: t, site: s, output: &output{}, port: storagetest.FreePort(t)}
	folder := t.TempDir()
	content := append(s.without("NEXTCLOUD_URL"), fmt.Sprintf("PORT=%d", p.port), "NEXTCLOUD_URL=http://127.0.0.1:1/")
	require.NoError(t, os.WriteFile(filepath.Join(folder, ".env"), []byte(strings.Join(content, "\n")), 0o600))
	p.run(folder, "NEXTCLOUD_URL="+s.url) // a real variable comes first
	p.requireWorks(p.tcp())
	if isOurs() {
		require.Contains(t, p.output.String(), `variables come from the file .env in the working directory	{"names": ["DATABASE_URL", "DEBOUNCE_DISABLE", "PORT", "REDIS_URL"]}`)
	}
}

func TestConformancePortFlag(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	for _, flag := range []string{"--port", "-p"} {
		p := &pushServer{t: t, site: s, output: &output{}, port: storagetest.FreePort(t)}
		p.run(t.TempDir(), append(s.variables(), "PORT=1", flag, fmt.Sprint(p.port))...)
		p.requireWorks(p.tcp())
	}
}

func TestConformanceBind(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	p := s.start(append(s.variables(), "--bind", "127.0.0.2")...)
	address := fmt.Sprintf("127.0.0.2:%d", p.port)
	p.requireWorks(endpoint{network: "tcp", address: address, url: "ws://" + address + "/ws"})
	require.Equal(t, http.StatusOK, request(t, http.MethodGet, fmt.Sprintf("http://127.0.0.2:%d/metrics", p.metricsPort)).status)
	for _, port := range []int{p.port, p.metricsPort} {
		_, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", port))
		require.Error(t, err)
	}
}

func TestConformanceUnixSockets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	folder := storagetest.Dir(t)
	push, metrics := filepath.Join(folder, "push.sock"), filepath.Join(folder, "metrics.sock")
	e := endpoint{network: "unix", address: push, url: "ws://push/ws"}
	permissions := map[string]fs.FileMode{"": 0o660, "0600": 0o600}
	if isOurs() {
		permissions["666"], permissions["0o640"] = 0o666, 0o640
	}
	for text, want := range permissions {
		words := append(s.variables(), "SOCKET_PATH="+push, "METRICS_SOCKET_PATH="+metrics)
		if text != "" {
			words = append(words, "SOCKET_PERMISSIONS="+text)
		}
		p := s.start(words...)
		p.requireWorks(e)
		info, err := os.Stat(push)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm())
		page := exchange(t, metrics, "GET /metrics HTTP/1.0\r\n\r\n")
		require.Contains(t, page, "active_connection_count 1\n")
		p.terminate()
		require.NoFileExists(t, push)
		require.NoFileExists(t, metrics)
	}

	p := s.start(append(s.variables(), "--socket-path", push)...)
	p.requireWorks(e)
	require.NoError(t, p.cmd.Process.Kill())
	<-p.exited
	require.FileExists(t, push) // a stale one
	s.start(append(s.variables(), "--socket-path", push)...).requireWorks(e)
}

func TestConformanceTLSListener(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	cert, key := storagetest.NewAuthority(t).Issue("push", "127.0.0.1")
	for _, words := range [][]string{{"--tls-cert", cert, "--tls-key", key}, {"TLS_CERT=" + cert, "TLS_KEY=" + key}} {
		p := s.serveAtOnce(words...)
		e := p.tcp()
		e.url = "wss://" + p.address() + "/ws"
		e.options.HTTPClient = trusting()
		p.requireWorks(e)
	}
}

func TestConformanceMetricsAreOffByDefault(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serve("METRICS_PORT=")
	_, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", p.metricsPort))
	require.Error(t, err)
	require.GreaterOrEqual(t, p.request(http.MethodGet, "/metrics").status, 400, "not on the clients' port")

	p.terminate()
	p.run(t.TempDir(), append(s.variables(), "BIND=127.0.0.1", fmt.Sprintf("PORT=%d", p.port), "-m", fmt.Sprint(p.metricsPort))...)
	p.awaitServing()
	require.Zero(t, p.metric("active_connection_count"))
}

func TestConformanceLogSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serve()
	p.login("alice")
	p.terminate()
	require.Empty(t, p.output.String(), "nothing to warn of")

	for _, level := range []string{"debug", "notify_push=debug", "error,notify_push=debug"} {
		p = s.serve("LOG=" + level)
		require.NoError(t, p.login("alice").ws.CloseNow())
		p.awaitLog("alice")
		require.Contains(t, p.output.String(), "\x1b[", "colours")
	}
	p = s.serve("--log-level", "trace", "--no-ansi")
	p.awaitLog("\n")
	require.NotContains(t, p.output.String(), "\x1b[")
}

// TestConformanceNoSecretsInLogs logs all that there is to log.
func TestConformanceNoSecretsInLogs(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	s.setKey("test-token", "token of the self test")
	s.redis.Do("", "ACL", "SETUSER", "pusher", "on", ">redis_password", "~*", "&*", "+@all")
	p := s.serveAtOnce("LOG=trace", "REDIS_URL="+strings.Replace(s.redis.URL(), "//", "//pusher:redis_password@", 1))
	alice := p.login("alice")
	p.loginRefused("alice", "mistaken password")
	s.publish("notify_pre_auth", `{"user":"alice","token":"ticket of alice"}`)
	s.publish("notify_pre_auth", `{"user":"","token":"ticket of nobody"}`)
	s.publish("notify_pre_auth", `{"user":"bob","token":"ticket that is cut`)
	s.publishAtOnce(customEvent("alice", "secret of an app"))
	alice.expect("secret of an app")
	p.dial("/ws", "Authorization", "Basic of a header").logIn("", "ticket of alice")
	p.loginRefused("", "ticket that is unknown")
	for _, test := range selfTests {
		p.request(test.method, test.path, "token", "token of the self test")
		p.request(test.method, test.path, "token", "token that is wrong")
	}
	for fault := nextcloud.FaultError; fault <= nextcloud.FaultHuge; fault++ {
		s.cloud.Behave(nextcloud.Behaviour{Fault: fault})
		p.loginRefused("alice", fmt.Sprint("password in fault ", fault))
		p.request(http.MethodGet, "/test/reverse_cookie", "token", "token of the self test")
	}
	closed := p.open(testkit.ClientFrame(testkit.Final|2, "password in a binary frame"))
	closed.expectText("err: Invalid authentication message")
	s.redis.Do("", "CLIENT", "KILL", "TYPE", "pubsub")
	p.awaitLog("lost connection to redis")
	p.terminate()
	require.Contains(t, p.output.String(), "alice", "it has logged something")
	p.requireNoSecrets(passwordOf("alice"), "mistaken password", "ticket of alice", "ticket of nobody", "ticket that is cut", "secret of an app",
		"Basic of a header", "ticket that is unknown", "token of the self test", "token that is wrong", "password in", "redis_password")
}

func TestConformanceGlobConfig(t *testing.T) {
	t.Parallel()
	onlyHere(t) // it is on
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	config := s.writeConfig("")
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(config), "push.config.php"),
		[]byte(`<?php $CONFIG = ['overwrite.cli.url' => 'http://127.0.0.1:1'];`), 0o600))
	text, _ := s.start(config).loginWhenServing("alice")
	require.Contains(t, text, "err: Error while sending authentication request to nextcloud")
	text, _ = s.start(config, "--no-glob-config").loginWhenServing("alice")
	require.Equal(t, "authenticated", text)
}

func (p *pushServer) loginWhenServing(user string) (text string, c *pushClient) {
	p.awaitServing()
	c = p.dial("/ws")
	c.say(user, passwordOf(user))
	return c.hear(), c
}

func TestConformanceDumpConfig(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := s.writeConfig("'secret' => 'top secret', 'dbpassword' => 'database password',")
	command := append(serverCommand(t), "--dump-config", "--port", "7000", config)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Dir = []string{"USER_AGENT=pusher", "REDIS_URL=redis://:redis_password@127.0.0.1/"}, t.TempDir()
	printed, err := cmd.Output()
	require.NoError(t, err) // it exits
	require.Contains(t, string(printed), "7000")
	require.Contains(t, string(printed), s.url)
	if isOurs() {
		for _, source := range []string{"flag --port", "env USER_AGENT", "config.php:3", "default"} {
			require.Contains(t, string(printed), source)
		}
		for _, secret := range []string{"top secret", "database password", "redis_password"} {
			require.NotContains(t, string(printed), secret)
		}
	}
}

func TestConformanceHelp(t *testing.T) {
	t.Parallel()
	command := append(serverCommand(t), "--help")
	if isOurs() {
		command = append(serverCommand(t), "serve", "--help")
	}
	printed, err := exec.Command(command[0], command[1:]...).Output()
	require.NoError(t, err)
	for _, flag := range []string{
		"--database-url", "--database-prefix", "--redis-url", "--redis-tls-cert", "--redis-tls-key", "--redis-tls-ca",
		"--redis-tls-dont-validate-hostname", "--redis-tls-insecure", "--nextcloud-url", "--port", "-p", "--bind", "--metrics-port", "-m",
		"--socket-path", "--metrics-socket-path", "--socket-permissions", "--allow-self-signed", "--user-agent", "--log-level", "--no-ansi",
		"--tls-cert", "--tls-key", "--max-debounce-time", "--max-connection-time", "glob-config", "--dump-config", "--version",
	} {
		require.True(t, bytes.Contains(printed, []byte(flag)), flag)
	}
}

// TestConformanceFilesThatComeLater has files appear after the start, as those of a volume do that is mounted late.
func TestConformanceFilesThatComeLater(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	cert, key := storagetest.NewAuthority(t).Issue("push", "127.0.0.1")
	config := s.writeConfig("")
	folder := t.TempDir()
	read := func(path string) string {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	late := func(name string) string { return filepath.Join(folder, name) }
	for name, test := range map[string]struct {
		text  string
		words []string
	}{
		"config.php": {read(config), []string{late("config.php")}},
		"database":   {s.database, append(s.without("DATABASE_URL"), "DATABASE_URL_FILE="+late("database"))},
		"key":        {read(key), append(s.variables(), "TLS_CERT="+cert, "TLS_KEY="+late("key"))},
	} {
		systemd := newFakeSystemd(t)
		p := s.start(append(test.words, "DEBOUNCE_DISABLE=1", "NOTIFY_SOCKET="+systemd.path)...)
		systemd.await("STATUS=waiting: ")
		p.awaitLog("waiting for the configuration")
		require.Contains(t, p.output.String(), late(name))
		require.NoError(t, os.WriteFile(late(name), nil, 0o600))
		require.NoError(t, os.WriteFile(late(name), []byte(test.text), 0o600))
		p.awaitLog("the configuration can be read")
		e := p.tcp()
		if name == "key" {
			e.url, e.options.HTTPClient = "wss://"+p.address()+"/ws", trusting()
		}
		p.requireWorks(e)
		p.terminate()
		require.Equal(t, 1, strings.Count(p.output.String(), "waiting for the configuration"))
	}
}

// TestConformanceSocketActivation has the daemon serve at sockets that were opened before it.
func TestConformanceSocketActivation(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	s.wrapper = []string{"/bin/sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh"}
	clients, err := net.Listen("unix", filepath.Join(storagetest.Dir(t), "push.sock"))
	require.NoError(t, err)
	defer clients.Close()
	metrics, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer metrics.Close()
	p := &pushServer{t: t, site: s, output: &output{}, port: storagetest.FreePort(t), metricsPort: metrics.Addr().(*net.TCPAddr).Port}
	for _, listener := range []interface{ File() (*os.File, error) }{clients.(*net.UnixListener), metrics.(*net.TCPListener)} {
		file, err := listener.File()
		require.NoError(t, err)
		defer file.Close()
		p.files = append(p.files, file)
	}
	p.run(t.TempDir(), append(s.variables(), fmt.Sprintf("PORT=%d", p.port), "LISTEN_FDS=2", "LISTEN_FDNAMES=notify_push.socket:metrics")...)
	path := clients.Addr().String()
	p.requireWorks(endpoint{network: "unix", address: path, url: "ws://push/ws"})
	require.EqualValues(t, 1, p.metric("active_connection_count"))
	_, err = http.Get("http://" + p.address())
	require.Error(t, err, "the port is not opened beside them")
	p.terminate()
	require.FileExists(t, path, "it is systemd's")
}

// TestConformanceChangedPassword has the password of Redis change while the daemon runs, first there and then in config.php.
func TestConformanceChangedPassword(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	setPassword := func(password string) {
		s.redis.Do("", "ACL", "SETUSER", "pusher", "on", "resetpass", ">"+password, "~*", "&*", "+@all")
	}
	setPassword("first_password")
	config := s.writeConfig(fmt.Sprintf("'redis' => ['host' => '127.0.0.1', 'port' => %d, 'user' => 'pusher', 'password' => 'first_password'],", s.redis.Port))
	p := s.start(config, "DEBOUNCE_DISABLE=1")
	p.requireWorks(p.tcp())

	setPassword("second_password")
	s.redis.Do("", "CLIENT", "KILL", "USER", "pusher")
	p.await("it is refused", func() bool {
		_, reasons := p.readiness()
		return strings.Contains(reasons["redis"], "WRONGPASS")
	})
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(config, bytes.ReplaceAll(text, []byte("first_password"), []byte("second_password")), 0o600))
	p.awaitServing()
	p.requireWorks(p.tcp())
	p.terminate()
	p.requireNoSecrets("first_password", "second_password")
}

// TestConformanceLogLevelThatIsNone has levels spelled as other programs do, which must not silence the log.
func TestConformanceLogLevelThatIsNone(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serve()
	s.publish("notify_config", `{"log_spec":"warning"}`)
	p.awaitLog("did you mean warn?")
	s.redis.Do("", "CLIENT", "KILL", "TYPE", "pubsub")
	p.awaitLog("lost connection to redis")

	for text, suggestion := range map[string]string{"warning": "warn", "err": "error", "2": "warn", "verbose": "debug"} {
		p := s.start(append(s.variables(), "LOG="+text)...)
		p.awaitExit()
		require.Equal(t, 2, p.cmd.ProcessState.ExitCode())
		require.Contains(t, p.output.String(), "did you mean "+suggestion+"?")
	}
}
