package test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/notifypush/notifypush/storage/storagetest"
	"github.com/notifypush/notifypush/transport/proxytest"
)

// shippedProxies start a proxy with its file of docs/deploy before the push server, and with the plainest lines before Nextcloud.
var shippedProxies = map[string]struct {
	start func(t *testing.T, s *site, address, push string)
	asked string // with which X-Forwarded-For Nextcloud is asked about a client that sends 192.0.2.1 in it
}{
	"nginx": {func(t *testing.T, s *site, address, push string) {
		proxytest.NginxWith(t, address, "", proxytest.Snippet(t, "nginx.conf", push)+fmt.Sprintf(`
			location / { proxy_pass %s; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }`, s.server.URL))
	}, "127.0.0.1, 127.0.0.1, 127.0.0.1"},
	"Apache": {func(t *testing.T, s *site, address, push string) {
		proxytest.ApacheWith(t, address, proxytest.Snippet(t, "apache.conf", push)+"ProxyPass / "+s.server.URL+"/\n")
	}, "192.0.2.1, 127.0.0.1, 127.0.0.1, 127.0.0.1"},
	"Caddy": {func(t *testing.T, s *site, address, push string) {
		root, fastCGI := storagetest.Dir(t), s.serveFastCGI()
		require.NoError(t, os.WriteFile(filepath.Join(root, "index.php"), nil, 0o644))
		require.NoError(t, os.Chmod(root, 0o755))
		snippet := proxytest.Snippet(t, "Caddyfile", push)
		require.Contains(t, snippet, "php_fastcgi 127.0.0.1:9000 {")
		proxytest.CaddyWith(t, address, "root * "+root+"\n"+strings.Replace(snippet, "127.0.0.1:9000", fastCGI, 1))
	}, "127.0.0.1, 127.0.0.1, 127.0.0.1"},
	"HAProxy": {func(t *testing.T, s *site, address, push string) {
		inFrontend, sections := proxytest.HAProxySnippet(t, push)
		// Of two lines of one name, nginx before 1.23 has PHP see the last.
		inner := proxytest.FreeAddress(t)
		proxytest.NginxWith(t, inner, "", "location / { include /etc/nginx/fastcgi_params; fastcgi_pass "+s.serveFastCGI()+"; }")
		proxytest.HAProxyWith(t, address, inFrontend+"\n\tdefault_backend cloud", sections+
			"\nbackend cloud\n\toption forwardfor except 127.0.0.0/8\n\tserver cloud "+inner+"\n")
	}, "127.0.0.1, 127.0.0.1"},
}

// serveFastCGI has Nextcloud speak FastCGI, as PHP does, and returns its address.
func (s *site) serveFastCGI() (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = fcgi.Serve(listener, http.HandlerFunc(s.serveCloud))
	}()
	s.t.Cleanup(func() { listener.Close(); <-served })
	return listener.Addr().String()
}

// TestConformanceBehindProxies has the documented files between the clients and the daemon, and the daemon ask Nextcloud through the same proxy.
func TestConformanceBehindProxies(t *testing.T) {
	t.Parallel()
	for name, proxy := range shippedProxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := proxytest.FreeAddress(t)
			front := "http://" + address
			s, p := wellSite(t, "NEXTCLOUD_URL="+front)
			proxy.start(t, s, address, p.address())

			for _, test := range selfTests {
				got := request(t, test.method, front+"/push"+test.path, "token", "sesame")
				require.Equal(t, http.StatusOK, got.status, test.path)
				require.Equal(t, test.answer, got.body, test.path)
			}

			e := endpoint{network: "tcp", address: address, url: "ws://" + address + "/push/ws"}
			e.options.HTTPHeader = http.Header{"X-Forwarded-For": {"192.0.2.1"}}
			alice, _ := dialEndpoint(t, e)
			alice.logIn("alice", passwordOf("alice"))
			require.Equal(t, proxy.asked, strings.Join(s.asked("uid")[0].header.Values("X-Forwarded-For"), ", "))
			s.publishAtOnce(customEvent("alice", "through the proxy"))
			alice.expect("through the proxy")

			if isOurs() {
				s.publish("notify_signal", `"reset"`)
				require.Equal(t, websocket.StatusServiceRestart, alice.closed(), "close frames pass, too")
			}
		})
	}
}

// TestConformanceTraefik compares Traefik's file with what the others do, because no Traefik is at hand to be started.
func TestConformanceTraefik(t *testing.T) {
	t.Parallel()
	text := deployed(t, "traefik.yaml")
	var file struct {
		HTTP struct {
			Routers map[string]struct {
				Rule        string
				EntryPoints []string `yaml:"entryPoints"`
				Priority    int
				Middlewares []string
				Service     string
				TLS         map[string]any `yaml:"tls"`
			}
			Middlewares map[string]struct {
				StripPrefix struct{ Prefixes []string } `yaml:"stripPrefix"`
			}
			Services map[string]struct {
				LoadBalancer struct{ Servers []struct{ URL string } } `yaml:"loadBalancer"`
			}
		}
	}
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&file))
	router := file.HTTP.Routers["push"]
	require.Contains(t, router.Rule, "PathPrefix(`/push/`)")
	require.Equal(t, []string{"/push"}, file.HTTP.Middlewares[router.Middlewares[0]].StripPrefix.Prefixes)
	require.Equal(t, "http://127.0.0.1:7867", file.HTTP.Services[router.Service].LoadBalancer.Servers[0].URL)
}
