package nextcloud_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
	"github.com/notifypush/notifypush/transport/proxytest"
)

// installation is a Nextcloud with the app notify_push, the servers that it stands on and our push server, all on
// loopback and in folders of their own. It ends with its test. What takes a *testing.T fails that test.
type installation struct {
	account *syscall.Credential // PHP's and the push server's; nil means the test's own
	folder  string              // nextcloud/, data/ and logs
	url     string              // without a slash at its end
	http    *http.Client        // keeps no connection, so that none is left over when a server ends

	redis    *storagetest.RedisServer
	database *storagetest.PostgresServer
	php      *storagetest.Process // php-fpm
	push     *storagetest.Process // our push server

	binary      string // of the push server
	pushAddress string // host:port
	metricsPort int
	making      sync.Mutex   // an account: Nextcloud refuses some that are made at the same time
	accounts    atomic.Int32 // made so far
	addresses   atomic.Int32 // given to clients so far
}

const (
	redisPassword    = "r/e:d@is#1"
	databasePassword = "d/a:t@a#1"
	redisDatabase    = 2
	adminPassword    = "the first of all accounts"
)

// install makes an installation from the archives in a folder, and starts everything but the push server.
func install(t *testing.T, source string) *installation {
	t.Helper()
	i := &installation{
		account:     storagetest.Account(t, "www-data"),
		folder:      storagetest.Dir(t),
		redis:       storagetest.Redis(t, "--requirepass", redisPassword),
		database:    storagetest.Postgres(t),
		pushAddress: proxytest.FreeAddress(t),
		metricsPort: storagetest.FreePort(t),
		http:        &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience},
	}
	if i.account != nil {
		require.NoError(t, os.Chown(i.folder, int(i.account.Uid), int(i.account.Gid)))
	}
	t.Cleanup(func() { i.showLogs(t) })
	i.unpack(t, source)
	i.serveWeb(t)
	i.configure(t)

	i.database.CreateDatabase("nextcloud", "nextcloud", databasePassword)
	_, err := i.database.Open("postgres").Exec("ALTER DATABASE nextcloud OWNER TO nextcloud")
	require.NoError(t, err)
	i.occ(t, "maintenance:install", "--data-dir", filepath.Join(i.folder, "data"), "--admin-user", "admin", "--admin-pass", adminPassword,
		"--database", "pgsql", "--database-host", fmt.Sprint("127.0.0.1:", i.database.Port), "--database-name", "nextcloud",
		"--database-user", "nextcloud", "--database-pass", databasePassword)
	i.occ(t, "app:enable", "notify_push")
	i.occ(t, "background:cron")
	i.servePHP(t)
	return i
}

// unpack unpacks the archives as the account that will run them, which Nextcloud insists on.
func (i *installation) unpack(t *testing.T, source string) {
	t.Helper()
	for _, archive := range []struct{ pattern, folder string }{
		{"nextcloud-*.tar.*", i.folder},
		{"notify_push*.tar.*", filepath.Join(i.folder, "nextcloud", "apps")},
	} {
		found, err := filepath.Glob(filepath.Join(source, archive.pattern))
		require.NoError(t, err)
		require.Len(t, found, 1, "archives %s in NEXTCLOUD_SOURCE, which is %q", archive.pattern, source)
		i.run(t, "tar", "-C", archive.folder, "-xf", found[0])
	}
	// Nextcloud draws a picture of each user, and archives without its web interface have no font.
	font := filepath.Join(i.folder, "nextcloud", "core", "fonts", "NotoSans-Regular.ttf")
	if _, err := os.Stat(font); errors.Is(err, fs.ErrNotExist) {
		i.run(t, "cp", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", font)
	}
}

// configure writes what an operator would into Nextcloud's configuration, into a file beside config.php.
func (i *installation) configure(t *testing.T) {
	t.Helper()
	i.write(t, "nextcloud/config/site.config.php", fmt.Sprintf(`<?php
$CONFIG = [
	'overwrite.cli.url' => '%[1]s',
	'trusted_domains' => ['127.0.0.1'],
	'trusted_proxies' => ['127.0.0.1'],
	'memcache.local' => '\OC\Memcache\APCu',
	'memcache.distributed' => '\OC\Memcache\Redis',
	'memcache.locking' => '\OC\Memcache\Redis',
	'redis' => ['host' => '127.0.0.1', 'port' => %[2]d, 'password' => '%[3]s', 'dbindex' => %[4]d],
	'skeletondirectory' => '',
	'has_internet_connection' => false,
	'mail_smtpmode' => 'null',
	'ratelimit.protection.enabled' => false,
	// The next two make logins cheap.
	'hashingMemoryCost' => 8,
	'hashingTimeCost' => 1,
];
`, i.url, i.redis.Port, redisPassword, redisDatabase))
}

// serveWeb starts nginx, as the front of PHP and of the push server. Clients say as a proxy would where they come from.
func (i *installation) serveWeb(t *testing.T) {
	t.Helper()
	// Clients have addresses of their own, as behind a proxy before nginx.
	i.url = proxytest.NginxWith(t, proxytest.FreeAddress(t), "", proxytest.BehindAProxy(t, proxytest.Snippet(t, "nginx.conf", i.pushAddress))+fmt.Sprintf(`
		root %[1]s/nextcloud;
		location / { rewrite ^ /index.php$request_uri; }
		location ~ ^/(index|remote|public|status|ocs/v[12])\.php(/|$) {
			fastcgi_split_path_info ^(.+?\.php)(/.*)$;
			fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
			fastcgi_param SCRIPT_NAME $fastcgi_script_name;
			fastcgi_param PATH_INFO $fastcgi_path_info;
			fastcgi_param QUERY_STRING $query_string;
			fastcgi_param REQUEST_METHOD $request_method;
			fastcgi_param REQUEST_URI $request_uri;
			fastcgi_param CONTENT_TYPE $content_type;
			fastcgi_param CONTENT_LENGTH $content_length;
			fastcgi_param SERVER_PROTOCOL $server_protocol;
			fastcgi_param REMOTE_ADDR $remote_addr;
			fastcgi_param front_controller_active true;
			fastcgi_pass unix:%[1]s/php.sock;
		}`, i.folder))
}

// servePHP starts the workers that serve requests.
func (i *installation) servePHP(t *testing.T) {
	t.Helper()
	i.write(t, "php.conf", fmt.Sprintf(`
[global]
daemonize = no
error_log = %[1]s/php.log
[nextcloud]
listen = %[1]s/php.sock
pm = static
pm.max_children = 6
php_admin_value[memory_limit] = 512M
php_admin_value[opcache.revalidate_freq] = 0
`, i.folder))
	ready := func() error {
		response, err := i.http.Get(i.url + "/status.php")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("status.php answers %s", response.Status)
		}
		return nil
	}
	i.php = storagetest.StartProcessAs(t, i.account, ready, storagetest.Program(t, "php-fpm*"),
		"--nodaemonize", "--fpm-config", filepath.Join(i.folder, "php.conf"))
	t.Cleanup(i.php.Stop) // its workers would survive its being killed
}

// servePush starts the push server as its unit does: it knows little more than where config.php is.
func (i *installation) servePush(t *testing.T, variables ...string) {
	t.Helper()
	i.push = storagetest.StartProcessAs(t, i.account, i.pushServes, "/bin/sh", append([]string{"-c", `log=$1; shift; exec "$@" >>"$log" 2>&1`,
		"sh", filepath.Join(i.folder, "push.log")}, i.pushCommand("serve", variables...)...)...)
}

// pushCommand is the command line of a command of the push server, with what its unit gives it.
func (i *installation) pushCommand(name string, variables ...string) []string {
	_, port, _ := net.SplitHostPort(i.pushAddress)
	command := append([]string{"/usr/bin/env", "-i", "BIND=127.0.0.1", "PORT=" + port, fmt.Sprint("METRICS_PORT=", i.metricsPort),
		"LOG=info", "GORACE=atexit_sleep_ms=200"}, variables...)
	return append(command, i.binary, name, i.configFile())
}

// pushServes says whether the push server hears Redis and serves clients, whatever else is away.
func (i *installation) pushServes() error {
	for _, address := range []string{i.pushAddress + "/version", fmt.Sprintf("127.0.0.1:%d/readyz", i.metricsPort)} {
		response, err := i.http.Get("http://" + address)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			return err
		}
		if strings.Contains(string(body), `"redis"`) {
			return fmt.Errorf("/readyz says %s", body)
		}
	}
	return nil
}

func (i *installation) configFile() string {
	return filepath.Join(i.folder, "nextcloud/config/config.php")
}

// write writes a file that the installation's account may read.
func (i *installation) write(t *testing.T, name, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(i.folder, name), []byte(content), 0o644))
}

// occ runs Nextcloud's command and returns what it writes.
func (i *installation) occ(t *testing.T, arguments ...string) string {
	t.Helper()
	return i.run(t, storagetest.Program(t, "php"), append([]string{"-d", "apc.enable_cli=1", "-d", "memory_limit=512M",
		filepath.Join(i.folder, "nextcloud/occ"), "--no-ansi"}, arguments...)...)
}

// run runs a command as the installation's account.
func (i *installation) run(t *testing.T, path string, arguments ...string) string {
	t.Helper()
	output, err := i.command(path, arguments...).CombinedOutput()
	require.NoError(t, err, "%s %q: %s", path, arguments, output)
	return string(output)
}

func (i *installation) command(path string, arguments ...string) *exec.Cmd {
	command := exec.Command(path, arguments...)
	command.Dir = i.folder
	command.SysProcAttr = &syscall.SysProcAttr{Credential: i.account}
	return command
}

// publish publishes a message of an app, which every push server passes on at once.
func (i *installation) publish(t *testing.T, user, message string) {
	t.Helper()
	i.redis.Do(redisPassword, "PUBLISH", "notify_custom", fmt.Sprintf(`{"user":%q,"message":%q}`, user, message))
}

// showLogs shows what the servers have logged, after a failure.
func (i *installation) showLogs(t *testing.T) {
	if !t.Failed() {
		return
	}
	for _, name := range []string{"push.log", "data/nextcloud.log", "php.log"} {
		const length = 6000
		log, _ := os.ReadFile(filepath.Join(i.folder, name))
		t.Logf("the end of %s:\n%s", name, log[max(0, len(log)-length):])
	}
}
