package cli

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/notifypush/notifypush/cli/instances"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/demo"
	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/internal/paths"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/storagetest"
	"github.com/notifypush/notifypush/transport"
	"github.com/notifypush/notifypush/transport/monitor"
)

// secret is in every password of these tests, and must be in no output.
const secret = "hunter2"

// checkOnline runs check as from a shell with a config.php of these lines, and gives its findings by name.
func checkOnline(t *testing.T, lines string, flags ...string) (findings map[string]finding, status int) {
	t.Helper()
	clearEnvironment(t)
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("config.php", []byte("<?php $CONFIG = [\n"+lines+"\n];"), 0o600))

	flags = append([]string{"--port=0", "config.php"}, flags...) // a demo may be there now and gone then, at the usual port
	plain := command(t.Context(), "", append([]string{"check"}, flags...)...)
	got := command(t.Context(), "", append([]string{"check", "--json"}, flags...)...)
	require.NotContains(t, plain.stdout+plain.stderr+got.stdout+got.stderr, secret)
	require.Equal(t, plain.status, got.status)
	var report struct {
		Errors []string
		Probes []finding
	}
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &report), got.stdout)
	require.Empty(t, report.Errors)
	findings = map[string]finding{}
	for _, f := range report.Probes {
		require.NotContains(t, findings, f.Name, "reported twice")
		require.Contains(t, plain.stdout, "  "+f.Name+": ")
		require.Contains(t, plain.stdout, f.Advice)
		if f.Status == green {
			require.Empty(t, f.Advice)
		} else {
			require.NotEmpty(t, f.Advice, f)
		}
		findings[f.Name] = f
	}
	return findings, got.status
}

func statuses(findings map[string]finding) map[string]status {
	all := map[string]status{}
	for name, f := range findings {
		all[name] = f.Status
	}
	return all
}

// requireFinding wants the finding to be so, and its detail and advice to have these words.
func requireFinding(t *testing.T, findings map[string]finding, name string, want status, words ...string) {
	t.Helper()
	f, found := findings[name]
	require.True(t, found, "no finding %q in %v", name, findings)
	require.Equal(t, want, f.Status, f)
	for _, word := range words {
		require.Contains(t, f.Detail+"\n"+f.Advice, word)
	}
}

// nowhere are settings with which everything fails at once; a test puts its own before them.
const nowhere = `'overwrite.cli.url' => 'http://127.0.0.1:1', 'dbtype' => 'sqlite', 'redis' => ['host' => '127.0.0.1', 'port' => 1],`

func TestCheckIsGreenWhereAllIsWell(t *testing.T) {
	redis := storagetest.Redis(t)
	redis.Do("", "ACL", "SETUSER", "push", "on", ">"+secret, "+subscribe", "+ping", "+get", "+set", "+del", "+select", "+acl|dryrun", "&notify_*", "~test-token", "~notify_push_*")
	data, db := storagetest.SQLite(t, "owncloud.db")
	storagetest.NewNextcloud(t, db, "nc_").Mount(7, "alice", "files")
	theirs, err := storage.NewRedis(storage.RedisOptions{Addresses: []string{redis.URL()}, Database: 3})
	require.NoError(t, err)
	t.Cleanup(func() { theirs.Close() })
	site := httptest.NewServer(nextcloud.New(nextcloud.Options{
		Redis: theirs, TrustedDomains: []string{"127.0.0.1"}, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}))
	t.Cleanup(site.Close)
	redis.Do("", "CONFIG", "RESETSTAT")

	findings, status := checkOnline(t, `
		'overwrite.cli.url' => '`+site.URL+`', 'trusted_proxies' => ['10.0.0.1', '127.0.0.0/8'],
		'dbtype' => 'sqlite3', 'datadirectory' => '`+filepath.Dir(data)+`', 'dbtableprefix' => 'nc_', 'secret' => '`+secret+`',
		'redis' => ['host' => 'tls://127.0.0.1', 'port' => `+portOf(redis.TLSURL())+`, 'user' => 'push', 'password' => '`+secret+`', 'dbindex' => 3,
			'ssl_context' => ['cafile' => '`+redis.Authority.CA+`']],`)
	require.Equal(t, map[string]string{
		"Redis dial": "green", "Redis TLS": "green", "Redis AUTH": "green", "Redis SELECT": "green", "Redis SUBSCRIBE": "green", "Redis keys": "green",
		"database": "green", "mapping query": "green",
		"Nextcloud": "green", "trusted domain": "green", "app": "green", "trusted proxy": "green", "clock": "green",
		"paths":      "yellow", // because those of tests are below /tmp
		"port":       "green",
		"open files": string(findings["open files"].Status), "kernel settings": string(findings["kernel settings"].Status), // the machine's
	}, textsOf(findings))
	require.Zero(t, status)
	requireFinding(t, findings, "Redis AUTH", green, `user "push"`)
	requireFinding(t, findings, "Redis SUBSCRIBE", green, "11 channels", redis.TLSURL())
	requireFinding(t, findings, "trusted proxy", green, "believes X-Forwarded-For", "deleted again")
	requireFinding(t, findings, "Nextcloud", green, "32.0.1", site.URL)

	require.EqualValues(t, 0, redis.Do("", "DBSIZE"))
	stats := string(redis.Do("", "INFO", "commandstats").([]byte))
	for line := range strings.SplitSeq(strings.TrimSpace(stats), "\r\n") {
		used, _, _ := strings.Cut(strings.TrimPrefix(line, "cmdstat_"), ":")
		require.Contains(t, []string{"# Commandstats", "auth", "select", "subscribe", "ping", "get", "set", "del", "hello", "acl|dryrun", "info", "dbsize", "config|resetstat"}, used)
	}
}

func textsOf(findings map[string]finding) map[string]string {
	texts := map[string]string{}
	for name, s := range statuses(findings) {
		texts[name] = string(s)
	}
	return texts
}

func portOf(url string) string {
	return url[strings.LastIndexByte(url, ':')+1:]
}

func TestCheckNamesTheStepOfRedisThatFails(t *testing.T) {
	redis := storagetest.Redis(t, "--requirepass", secret)
	for user, rights := range map[string][]any{
		"deaf":  {"resetchannels", "+@all", "~*"},
		"blind": {"allchannels", "+@all", "~other"},
	} {
		redis.Do(secret, "ACL", append([]any{"SETUSER", user, "on", ">" + secret}, rights...)...)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	require.NoError(t, err)
	t.Cleanup(func() { silent.Close() })

	for _, test := range []struct {
		name, redis string
		reached     []string
		failed      string
		words       []string
	}{
		{"nothing there", `'port' => 1`, nil, "Redis dial", []string{"127.0.0.1:1", "refused", "--redis-url"}},
		{"no TLS there", `'host' => 'tls://127.0.0.1', 'port' => ` + portOf(redis.URL()) + `, 'timeout' => 1`, []string{"Redis dial"}, "Redis TLS", []string{"does this port speak TLS?"}},
		{"TLS there", `'port' => ` + portOf(redis.TLSURL()) + `, 'password' => '` + secret + `'`, []string{"Redis dial"}, "Redis AUTH", []string{"does this port want TLS?"}},
		{"unknown authority", `'host' => 'tls://127.0.0.1', 'port' => ` + portOf(redis.TLSURL()), []string{"Redis dial"}, "Redis TLS", []string{"authority", "cafile", "--redis-tls-ca"}},
		{"wrong password", `'port' => ` + portOf(redis.URL()) + `, 'password' => '` + secret + `x'`, []string{"Redis dial"}, "Redis AUTH", []string{"WRONGPASS", "REDIS_PASSWORD_FILE"}},
		{"no password", `'port' => ` + portOf(redis.URL()), []string{"Redis dial"}, "Redis SUBSCRIBE", []string{"this Redis wants a password", "REDIS_PASSWORD_FILE"}},
		{"no such database", `'port' => ` + portOf(redis.URL()) + `, 'password' => '` + secret + `', 'dbindex' => 99`, []string{"Redis dial", "Redis AUTH"}, "Redis SELECT", []string{"out of range", "dbindex"}},
		{"no channels", `'port' => ` + portOf(redis.URL()) + `, 'user' => 'deaf', 'password' => '` + secret + `'`, []string{"Redis dial", "Redis AUTH"}, "Redis SUBSCRIBE", []string{"NOPERM", "&notify_*"}},
		{"no keys", `'port' => ` + portOf(redis.URL()) + `, 'user' => 'blind', 'password' => '` + secret + `'`, []string{"Redis dial", "Redis AUTH", "Redis SUBSCRIBE"}, "Redis keys", []string{"NOPERM", "~test-token"}},
		{"silence", `'port' => ` + portOf(silent.Addr().String()) + `, 'timeout' => 1, 'password' => '` + secret + `'`, []string{"Redis dial"}, "Redis AUTH", []string{"deadline exceeded"}},
		{"no socket", `'host' => '/nowhere/redis.sock'`, nil, "Redis dial", []string{"/nowhere/redis.sock", "no such file"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			findings, status := checkOnline(t, nowhere+`'redis' => ['host' => '127.0.0.1', `+test.redis+`],`)
			require.Equal(t, 1, status)
			for _, name := range test.reached {
				requireFinding(t, findings, name, green)
			}
			requireFinding(t, findings, test.failed, red, test.words...)
			steps := 0
			for name := range findings {
				if strings.HasPrefix(name, "Redis ") {
					steps++
				}
			}
			require.Equal(t, len(test.reached)+1, steps, "steps that were not reached are not reported: %v", findings)
		})
	}
}

func TestCheckOfAClusterIsContentWithOneNode(t *testing.T) {
	nodes := storagetest.RedisCluster(t)
	result := &config.Result{Sources: map[string]string{}}
	result.Settings.Redis = storage.RedisOptions{Cluster: true, Addresses: []string{"redis://127.0.0.1:1", nodes[1].URL(), "redis://127.0.0.1:2"}}
	var findings []finding
	var names []string
	probeRedis(t.Context(), result, func(f finding) {
		findings = append(findings, f)
		names = append(names, f.Name)
	})
	require.Equal(t, []string{"Redis dial", "Redis dial", "Redis SUBSCRIBE", "Redis dial", "Redis keys"}, names)
	for i, want := range []struct {
		status status
		words  string
	}{{yellow, "127.0.0.1:1"}, {green, nodes[1].URL()}, {green, nodes[1].URL()}, {yellow, "127.0.0.1:2"}, {green, ""}} {
		require.Equal(t, want.status, findings[i].Status, findings[i])
		require.Contains(t, findings[i].Detail, want.words)
		require.Equal(t, want.status == yellow, strings.Contains(findings[i].Advice, "Another node is used"))
	}
}

func TestCheckWaitsNoLongerThanItsOwnTime(t *testing.T) {
	require.Equal(t, stepTimeout, shortened(0))
	require.Equal(t, time.Second, shortened(time.Second))
	require.Equal(t, stepTimeout, shortened(time.Hour))
}

func TestCheckWarnsOfARedisThatNobodyConfigured(t *testing.T) {
	findings, _ := checkOnline(t, `'overwrite.cli.url' => 'http://127.0.0.1:1', 'dbtype' => 'sqlite',`)
	requireFinding(t, findings, "Redis", yellow, "127.0.0.1:6379", "config.php")
}

func TestCheckWarnsOfAChannelPrefix(t *testing.T) {
	findings, _ := checkOnline(t, nowhere, "--redis-channel-prefix=a_")
	requireFinding(t, findings, "Redis channels", yellow, `"a_"`, "notify_push_redis")
}

func TestCheckOfTheDatabase(t *testing.T) {
	server := storagetest.MariaDB(t)
	db := server.CreateDatabase("nc", "nc", secret)
	tables := storagetest.NewNextcloud(t, db, "oc_")
	database := func(password, prefix string) string {
		return nowhere + `'dbtype' => 'mysql', 'dbhost' => '127.0.0.1:` + strconv.Itoa(int(server.Port)) + `', 'dbname' => 'nc', 'dbuser' => 'nc',
			'dbpassword' => '` + password + `', 'dbtableprefix' => '` + prefix + `',`
	}
	findings, _ := checkOnline(t, database(secret, "oc_"))
	requireFinding(t, findings, "mapping query", yellow, "oc_mounts is empty", "dbsharding")
	require.NotContains(t, findings, "sharding")
	tables.Mount(1, "alice", "files")
	findings, _ = checkOnline(t, database(secret, "oc_")+`'dbsharding' => ['filecache' => ['shards' => [['host' => 'db2']]]],`)
	requireFinding(t, findings, "sharding", yellow, "config.php:", "not pushed")
	findings, _ = checkOnline(t, database(secret, "oc_")+`'dbsharding' => [],`)
	require.NotContains(t, findings, "sharding")
	requireFinding(t, findings, "database", green, "MySQL at 127.0.0.1", `user "nc"`)
	requireFinding(t, findings, "mapping query", green, "oc_mounts", "took")

	findings, status := checkOnline(t, database(secret, "nextcloud_"))
	require.Equal(t, 1, status)
	requireFinding(t, findings, "database", green)
	requireFinding(t, findings, "mapping query", red, "nextcloud_mounts", "doesn't exist", "--database-prefix", "dbtableprefix")

	findings, status = checkOnline(t, database(secret+"x", "oc_"))
	require.Equal(t, 1, status)
	requireFinding(t, findings, "database", red, "Access denied", "--database-url")
	require.NotContains(t, findings, "mapping query")
}

func TestCheckOfTheDatabaseFileThatIsNotThere(t *testing.T) {
	findings, status := checkOnline(t, nowhere)
	require.Equal(t, 1, status)
	requireFinding(t, findings, "database", red, "owncloud.db", "datadirectory", "web server's user")
}

// TestCheckOfASlowMappingQuery has a query that the database works on for longer than the server waits.
func TestCheckOfASlowMappingQuery(t *testing.T) {
	server := storagetest.Postgres(t)
	db := server.CreateDatabase("nc", "nc", secret)
	storagetest.NewNextcloud(t, db, "oc_").Mount(0, "alice", "files")
	db.MustExec("ALTER TABLE oc_mounts RENAME TO oc_real")
	db.MustExec("CREATE VIEW oc_mounts AS SELECT * FROM oc_real WHERE pg_sleep(600) IS NOT NULL; GRANT ALL ON oc_mounts TO nc")
	mounts, err := storage.OpenMounts(storage.DatabaseOptions{
		Driver: storage.Postgres, Host: "127.0.0.1", Port: server.Port, User: "nc", Password: secret, Name: "nc", Prefix: "oc_"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = mounts.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	f := probeMapping(ctx, mounts, storage.DatabaseOptions{Prefix: "oc_"})
	require.Equal(t, red, f.Status)
	require.Contains(t, f.Detail, "took longer than 1 s")
	require.Contains(t, f.Advice, "occ db:add-missing-indices")
}

func TestCheckOfPathsThatAUnitHides(t *testing.T) {
	for name, test := range map[string]struct {
		settings config.Settings
		want     []string
	}{
		"none":       {config.Settings{Redis: storage.RedisOptions{Addresses: []string{"unix:///run/redis/redis.sock", "redis://a:1"}}}, nil},
		"Redis":      {config.Settings{Redis: storage.RedisOptions{Addresses: []string{"unix:///tmp/redis.sock"}}}, []string{"/tmp/redis.sock", "PrivateTmp=no"}},
		"MySQL":      {config.Settings{Database: storage.DatabaseOptions{Socket: "/var/tmp/mysqld.sock"}}, []string{"/var/tmp/mysqld.sock", "PrivateTmp=no"}},
		"PostgreSQL": {config.Settings{Database: storage.DatabaseOptions{Socket: "/run/user/33"}}, []string{"/run/user/33", "ProtectHome=no"}},
		"SQLite":     {config.Settings{Database: storage.DatabaseOptions{Path: "/home/u/nextcloud.db"}}, []string{"/home/u/nextcloud.db", "ProtectHome=no"}},
		"all": {config.Settings{Listen: transport.ListenOptions{SocketPath: "/root/push.sock", TLSCert: "/tmp/cert.pem"}},
			[]string{"/tmp/cert.pem, /root/push.sock", "PrivateTmp=no and ProtectHome=no"}},
	} {
		t.Run(name, func(t *testing.T) {
			findings := map[string]finding{}
			probePaths(t.Context(), &config.Result{Settings: test.settings}, func(f finding) { findings[f.Name] = f })
			if test.want == nil {
				require.Empty(t, findings)
				return
			}
			requireFinding(t, findings, "paths", yellow, test.want...)
		})
	}
}

// TestCheckOfRedisThatIsNone wants the cause to be named, and no advice that is for another one.
func TestCheckOfRedisThatIsNone(t *testing.T) {
	full := storagetest.Redis(t)
	full.Do("", "CONFIG", "SET", "maxclients", 1)
	occupier, err := net.Dial("unix", full.Socket)
	require.NoError(t, err)
	t.Cleanup(func() { occupier.Close() })
	renamed := storagetest.Redis(t, "--rename-command", "SUBSCRIBE", "HEAR")
	unwritable := storagetest.Redis(t, "--rename-command", "SET", "")
	limited := storagetest.Redis(t)
	limited.Do("", "ACL", "SETUSER", "default", "-@all", "allchannels", "+subscribe", "+ping", "+get", "~*")
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	keyless := storagetest.Redis(t)
	keyless.Do("", "ACL", "SETUSER", "push", "on", ">"+secret, "allchannels", "+subscribe", "+ping", "+get", "+acl|dryrun", "~*")
	keyless.Do("", "ACL", "SETUSER", "quiet", "on", ">"+secret, "allchannels", "+subscribe", "+ping", "+get", "~*")
	user := func(name string) string {
		return `'port' => ` + portOf(keyless.URL()) + `, 'user' => '` + name + `', 'password' => '` + secret + `'`
	}
	for _, test := range []struct {
		name, redis, finding string
		status               status
		words                []string
	}{
		{"full", `'port' => ` + portOf(full.URL()), "Redis SUBSCRIBE", red, []string{"max number of clients", "maxclients"}},
		{"SUBSCRIBE is renamed", `'port' => ` + portOf(renamed.URL()), "Redis SUBSCRIBE", red, []string{"rename-command"}},
		{"a web server", `'port' => ` + portOf(web.URL), "Redis SUBSCRIBE", red, []string{"this is a web server", "6379"}},
		{"a database index at a web server", `'dbindex' => 1, 'port' => ` + portOf(web.URL), "Redis SELECT", red, []string{"this is a web server", "6379"}},
		{"no SET", user("push"), "Redis keys", red, []string{"ACL SETUSER", "+set +del"}},
		{"SET is renamed", `'port' => ` + portOf(unwritable.URL()), "Redis keys", red, []string{"rename-command", "SET"}},
		{"a default user that may not ask", `'port' => ` + portOf(limited.URL()), "Redis keys", yellow, []string{"writing was not tried", "+set +del"}},
		{"no SET, and no DRYRUN", user("quiet"), "Redis keys", yellow, []string{"writing was not tried", "+set +del"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			findings, _ := checkOnline(t, nowhere+`'redis' => ['host' => '127.0.0.1', `+test.redis+`],`)
			requireFinding(t, findings, test.finding, test.status, test.words...)
			if test.finding != "Redis keys" {
				require.NotContains(t, findings[test.finding].Advice, "ACL SETUSER")
			}
		})
	}
}

// likeOurs says at its port what this server does.
func likeOurs(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/test/cookie":
		_, _ = w.Write([]byte("0"))
	case "/version":
		_, _ = w.Write([]byte("1.2.3"))
	}
}

func TestCheckOfThePort(t *testing.T) {
	ours := httptest.NewServer(http.HandlerFunc(likeOurs))
	t.Cleanup(ours.Close)
	encrypted := httptest.NewUnstartedServer(http.HandlerFunc(likeOurs))
	encrypted.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
	encrypted.StartTLS()
	t.Cleanup(encrypted.Close)
	official := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/test/cookie" {
			http.Error(w, `Missing request header "token"`, http.StatusBadRequest)
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(official.Close)
	demonstration := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/version" {
			_, _ = w.Write([]byte(demo.Version))
			return
		}
		likeOurs(w, r)
	}))
	t.Cleanup(demonstration.Close)
	several := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := instances.NewTable(nil).Find(r.Host, r.URL.Path)
		http.Error(w, err.Error(), http.StatusMisdirectedRequest)
	}))
	t.Cleanup(several.Close)
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	socket := filepath.Join(storagetest.Dir(t), "push.sock")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	atSocket := &http.Server{Handler: http.HandlerFunc(likeOurs)}
	go atSocket.Serve(listener)
	t.Cleanup(func() { atSocket.Close() })

	listening := func(options transport.ListenOptions) config.Settings { return config.Settings{Listen: options} }
	at := func(server *httptest.Server) config.Settings {
		return listening(transport.ListenOptions{Bind: "127.0.0.1", Port: uint16(server.Listener.Addr().(*net.TCPAddr).Port)})
	}
	withTLS := at(encrypted)
	authority := storagetest.NewAuthority(t)
	withTLS.Listen.TLSCert, withTLS.Listen.TLSKey = authority.Issue("push", "127.0.0.1")
	for name, test := range map[string]struct {
		settings config.Settings
		want     status
		words    string
	}{
		"free":             {listening(transport.ListenOptions{Bind: "::", Port: uint16(storagetest.FreePort(t))}), green, "is free"},
		"no socket":        {listening(transport.ListenOptions{SocketPath: socket + "2"}), green, "is free"},
		"chosen later":     {config.Settings{}, green, "choose"},
		"ours":             {at(ours), green, "notify_push 1.2.3 already serves"},
		"ours at a socket": {listening(transport.ListenOptions{SocketPath: socket}), green, "notify_push 1.2.3 already serves"},
		"ours with TLS":    {withTLS, green, "notify_push 1.2.3 already serves"},
		"several":          {at(several), green, "with several instances, already serves"},
		"the demo":         {at(demonstration), yellow, "the demo serves"},
		"the app's own":    {at(official), yellow, "another push server"},
		"another server":   {at(other), red, "something else"},
		"TLS, not wanted":  {at(encrypted), red, "something else"},
	} {
		t.Run(name, func(t *testing.T) {
			probeListeners(t.Context(), &config.Result{Settings: test.settings}, func(f finding) {
				require.Equal(t, test.want, f.Status, f)
				require.Contains(t, f.Detail, test.words)
				require.Equal(t, test.want != green, strings.Contains(f.Advice, "--port"), f)
			})
		})
	}
}

// What the server could not open, and the files that it could not load, is red.
func TestCheckOfListenersThatCannotBeOpened(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	elsewhere, err := net.Listen("tcp", "127.0.0.2:0")
	require.NoError(t, err)
	t.Cleanup(func() { elsewhere.Close() })
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(map[string]string{"/livez": "ok", "/version": "1.2.3"}[r.URL.Path]))
	}))
	t.Cleanup(metrics.Close)
	portOf := func(server *httptest.Server) uint16 { return uint16(server.Listener.Addr().(*net.TCPAddr).Port) }
	authority := storagetest.NewAuthority(t)
	cert, key := authority.Issue("push", "127.0.0.1")
	_, otherKey := authority.Issue("other", "127.0.0.1")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, test := range map[string]struct {
		settings config.Settings
		finding  string
		want     status
		words    string
	}{
		"metrics port taken":      {config.Settings{Monitor: monitor.Options{Port: portOf(other)}}, "metrics port", red, "taken by something else"},
		"port at 127.0.0.2":       {config.Settings{Listen: transport.ListenOptions{Port: uint16(elsewhere.Addr().(*net.TCPAddr).Port)}}, "port", red, "refuses connections, and its port is taken at another address"},
		"metrics of ours":         {config.Settings{Monitor: monitor.Options{Port: portOf(metrics)}}, "metrics port", green, "notify_push 1.2.3 already serves"},
		"metrics folder missing":  {config.Settings{Monitor: monitor.Options{SocketPath: "/nowhere/m"}}, "metrics port", red, "the folder /nowhere does not exist"},
		"address of another host": {config.Settings{Listen: transport.ListenOptions{Bind: "192.0.2.1", Port: 7000}}, "port", red, "no address of this machine"},
		"key missing":             {config.Settings{Listen: transport.ListenOptions{TLSCert: cert, TLSKey: "/nowhere/key.pem"}}, "port", red, "/nowhere/key.pem"},
		"key of another":          {config.Settings{Listen: transport.ListenOptions{TLSCert: cert, TLSKey: otherKey}}, "port", red, "private key does not match"},
		"TLS":                     {config.Settings{Listen: transport.ListenOptions{TLSCert: cert, TLSKey: key}}, "port", green, "choose one"},
		"folder missing":          {config.Settings{Listen: transport.ListenOptions{SocketPath: "/nowhere/s"}}, "port", red, "RuntimeDirectory=notify_push"},
		"a file in the way":       {config.Settings{Listen: transport.ListenOptions{SocketPath: file}}, "port", red, "is no socket"},
	} {
		t.Run(name, func(t *testing.T) {
			findings := map[string]finding{}
			probeListeners(t.Context(), &config.Result{Settings: test.settings}, func(f finding) { findings[f.Name] = f })
			requireFinding(t, findings, test.finding, test.want, test.words)
			require.Equal(t, test.want == green, findings[test.finding].Advice == "")
		})
	}
}

func TestCheckSaysAsWhomItTries(t *testing.T) {
	c := &checkCommand{}
	require.Contains(t, c.asWhom(0), "sudo -u www-data notify_push check")
	require.Equal(t, "Tried as user "+paths.ProcessUser()+":", c.asWhom(33))
}

// TestCheckNamesRoot, even where nothing is tried, and the user with whose rights a config.php was read that is not root's.
func TestCheckNamesRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this does not run as root")
	}
	clearEnvironment(t)
	path := filepath.Join(storagetest.Dir(t), "config.php")
	require.NoError(t, os.WriteFile(path, []byte("<?php $CONFIG = ['overwrite.cli.url' => 'https://x', 'dbtype' => 'sqlite', 'redis' => ['host' => 'r']];"), 0o600))
	got := command(t.Context(), "", "check", "--offline", path)
	require.Zero(t, got.status, got.stdout)
	require.Contains(t, got.stdout, "This runs as user root, whom no permission stops")
	require.NotContains(t, got.stdout, "warning:")

	require.NoError(t, os.Chown(path, 64998, 64998))
	got = command(t.Context(), "", "check", "--offline", path)
	require.Zero(t, got.status, got.stdout)
	require.Contains(t, got.stdout, "the configuration is read with the rights of 64998 only")
	require.Contains(t, got.stdout, "sudo -u 64998 notify_push check")
	got = command(t.Context(), "", "check", "--offline", "--json", path)
	require.Contains(t, got.stdout, `"user": "root"`)
	require.Contains(t, got.stdout, `"read_as": "64998"`)
}

func TestCheckOfOpenFiles(t *testing.T) {
	require.Equal(t, green, judgeOpenFiles(4096, 3840).Status)
	f := judgeOpenFiles(1024, 768)
	require.Equal(t, yellow, f.Status)
	require.Contains(t, f.Detail, "768")
	require.Contains(t, f.Advice, "LimitNOFILE")
}

func TestCheckPaintsOnTerminals(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	t.Cleanup(func() { terminal.Close() })
	t.Setenv(noColour, "")
	require.Equal(t, "\x1b[31mred   \x1b[0m", painter(terminal, false)(red))
	require.Equal(t, "red   ", painter(terminal, true)(red))
	require.Equal(t, "red   ", painter(&strings.Builder{}, false)(red))
	t.Setenv(noColour, "1")
	require.Equal(t, "red   ", painter(terminal, false)(red))
}

func TestCheckPrintsOneLineForWhatOthersSay(t *testing.T) {
	require.Equal(t, `a; b\x1b[31mc`, onOneLine("a\nb\x1b[31mc\n"))
}
