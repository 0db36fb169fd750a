//go:build unix

// Package proxytest starts real reverse proxies for tests, configured with the snippets that the
// documentation gives to operators.
package proxytest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// documented is the address of the push server in the documentation's snippets.
const documented = "127.0.0.1:7867"

// Nginx starts nginx with docs/deploy/nginx.conf in front of upstream, a host:port, and returns the
// URL of the proxy without a slash at its end. The push server is below /push/.
func Nginx(t testing.TB, upstream string) (baseURL string) {
	t.Helper()
	return NginxWith(t, FreeAddress(t), "", Snippet(t, "nginx.conf", upstream))
}

// NginxWith starts nginx at an address with these lines in http and in its server.
func NginxWith(t testing.TB, address, inHTTP, inServer string) (baseURL string) {
	t.Helper()
	startNginx(t, address, inHTTP, inServer)
	return "http://" + address
}

func startNginx(t testing.TB, address, inHTTP, inServer string) *storagetest.Process {
	t.Helper()
	nginx := storagetest.Program(t, "nginx")
	dir := storagetest.Dir(t)
	config := write(t, dir, fmt.Sprintf(`
daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr;
events { worker_connections 4096; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	%[3]s
	server {
		listen %[2]s;
		%[4]s
	}
}
`, dir, address, inHTTP, inServer))
	return storagetest.StartProcess(t, accepts(address), nginx, "-e", "stderr", "-p", dir, "-c", config)
}

// Apache starts Apache with docs/deploy/apache.conf in front of upstream, a host:port, and returns
// the URL of the proxy without a slash at its end. The push server is below /push/.
func Apache(t testing.TB, upstream string) (baseURL string) {
	t.Helper()
	return ApacheWith(t, FreeAddress(t), Snippet(t, "apache.conf", upstream))
}

// ApacheWith starts Apache at an address with these lines in its VirtualHost.
func ApacheWith(t testing.TB, address, inHost string) (baseURL string) {
	t.Helper()
	apache := storagetest.Program(t, "apache2", "httpd")
	dir := storagetest.Dir(t)
	config := write(t, dir, fmt.Sprintf(`
%[1]s
ServerRoot %[2]s
DefaultRuntimeDir %[2]s
PidFile %[2]s/apache.pid
ErrorLog /dev/stderr
ServerName localhost
Listen %[3]s
<VirtualHost *>
%[4]s
</VirtualHost>
`, apacheModules(t), dir, address, inHost))
	// -X keeps it in one process that ends with the test.
	storagetest.StartProcess(t, accepts(address), apache, "-X", "-f", config)
	return "http://" + address
}

// Caddy starts Caddy with docs/deploy/Caddyfile in front of upstream, a host:port, and returns the URL
// of the proxy without a slash at its end. The push server is below /push/.
func Caddy(t testing.TB, upstream string) (baseURL string) {
	t.Helper()
	return CaddyWith(t, FreeAddress(t), Snippet(t, "Caddyfile", upstream))
}

// CaddyWith starts Caddy at an address with these lines in its site block.
func CaddyWith(t testing.TB, address, inSite string) (baseURL string) {
	t.Helper()
	caddy, env := storagetest.Program(t, "caddy"), storagetest.Program(t, "env")
	dir := storagetest.Dir(t)
	config := write(t, dir, fmt.Sprintf("{\n\tadmin off\n\tauto_https off\n}\nhttp://%s {\n%s}\n", address, inSite))
	// It keeps files below these folders, whatever its configuration says.
	storagetest.StartProcess(t, accepts(address), env, "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir,
		caddy, "run", "--adapter", "caddyfile", "--config", config)
	return "http://" + address
}

// HAProxy starts HAProxy with docs/deploy/haproxy.cfg in front of upstream, a host:port, and returns the URL
// of the proxy without a slash at its end. The push server is below /push/.
func HAProxy(t testing.TB, upstream string) (baseURL string) {
	t.Helper()
	inFrontend, sections := HAProxySnippet(t, upstream)
	return HAProxyWith(t, FreeAddress(t), inFrontend, sections)
}

// HAProxySnippet is docs/deploy/haproxy.cfg in its two parts.
func HAProxySnippet(t testing.TB, upstream string) (inFrontend, sections string) {
	t.Helper()
	inFrontend, backend, found := strings.Cut(Snippet(t, "haproxy.cfg", upstream), "\nbackend ")
	if !found {
		t.Fatal("haproxy.cfg has no backend")
	}
	return inFrontend, "backend " + backend
}

// HAProxyWith starts HAProxy at an address with these lines in its frontend, and these sections behind it.
func HAProxyWith(t testing.TB, address, inFrontend, sections string) (baseURL string) {
	t.Helper()
	startHAProxy(t, address, inFrontend, sections)
	return "http://" + address
}

func startHAProxy(t testing.TB, address, inFrontend, sections string) *storagetest.Process {
	t.Helper()
	haproxy := storagetest.Program(t, "haproxy")
	config := write(t, storagetest.Dir(t), fmt.Sprintf(`
defaults
	mode http
	timeout connect 5s
	timeout client 60s
	timeout server 60s
frontend front
	bind %s
%s
%s
`, address, inFrontend, sections))
	return storagetest.StartProcess(t, accepts(address), haproxy, "-db", "-f", config)
}

func apacheModules(t testing.TB) string {
	t.Helper()
	for _, folder := range []string{"/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/libexec/apache2"} {
		if _, err := os.Stat(folder); err != nil {
			continue
		}
		var lines strings.Builder
		for _, module := range []string{"mpm_event", "authz_core", "proxy", "proxy_http", "proxy_wstunnel", "unixd", "authn_core", "authn_file", "authz_user", "auth_basic", "headers", "rewrite"} {
			file := filepath.Join(folder, "mod_"+module+".so")
			if _, err := os.Stat(file); err == nil { // some are compiled in
				fmt.Fprintf(&lines, "LoadModule %s_module %s\n", module, file)
			}
		}
		return lines.String()
	}
	t.Fatal("Apache's modules are in none of the usual folders")
	return ""
}

// Snippet is a file of docs/deploy with upstream in place of the documented address.
func Snippet(t testing.TB, name, upstream string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(moduleRoot(t), "docs", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), documented) {
		t.Fatalf("%s does not name %s", name, documented)
	}
	return strings.ReplaceAll(string(content), documented, upstream)
}

// BehindAProxy is nginx.conf with the line that its comment has where another proxy is in front.
func BehindAProxy(t testing.TB, snippet string) string {
	t.Helper()
	const edge, behind = "proxy_set_header X-Forwarded-For $remote_addr;", "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
	if strings.Count(snippet, edge) != 1 || !strings.Contains(snippet, "# "+behind) {
		t.Fatal("nginx.conf has not the two forms of X-Forwarded-For")
	}
	return strings.Replace(strings.Replace(snippet, "# "+behind, "", 1), edge, behind, 1)
}

// moduleRoot is the folder of go.mod: tests run in the folder of their package.
func moduleRoot(t testing.TB) string {
	t.Helper()
	folder, err := os.Getwd()
	for err == nil && folder != "/" {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		folder = filepath.Dir(folder)
	}
	t.Fatalf("no go.mod above the working directory: %v", err)
	return ""
}

func write(t testing.TB, dir, config string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "proxy.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// FreeAddress is an address on loopback that nobody listens at.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(storagetest.FreePort(t)))
}

func accepts(address string) func() error {
	return func() error {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}
