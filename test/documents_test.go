package test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/transport/proxytest"
)

var documentedCommands = regexp.MustCompile("(?ms)^ *<!-- run: TestDocumentedCommands -->\n *```sh\n(.*?)^ *```$")

// TestDocumentedCommands runs what the documentation for operators tells them to, line by line, against a site behind nginx with
// the file that it ships. Addresses, paths, people and ports are those of the test; doctor is quick, and listen ends after a second.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	pages := []string{"../README.md"}
	more, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	var lines []string
	for _, page := range append(pages, more...) {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, block := range documentedCommands.FindAllStringSubmatch(string(text), -1) {
			for line := range strings.Lines(block[1]) {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
	}
	require.Greater(t, len(lines), 10)

	s := newSite(t)
	address := proxytest.FreeAddress(t)
	s.url = "http://" + address
	s.open(nextcloud.Options{PushURL: s.url + "/push"})
	s.mounts.Mount(7, "alice", "files")
	config := s.writeConfig("'trusted_domains' => ['127.0.0.1'], 'trusted_proxies' => ['127.0.0.1'],")
	p := s.start(config, "BIND=127.0.0.1")
	snippet := proxytest.Snippet(t, "nginx.conf", p.address())
	proxytest.NginxWith(t, address, "", snippet+"location / { proxy_pass "+s.server.URL+"; proxy_set_header Host $http_host; }")
	p.awaitServing()
	p.await("nginx serves Nextcloud", func() bool {
		response, err := http.Get(s.url + "/status.php")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	program, err := builtBinary()
	require.NoError(t, err)
	for _, line := range lines {
		command := strings.NewReplacer(
			"sudo -u www-data ", "", "notify_push doctor", program+" doctor --quick", "notify_push listen", program+" listen --timeout 1s", "notify_push ", program+" ",
			"/var/www/nextcloud/config/config.php", config, "https://cloud.example.com", s.url, " USER APP-PASSWORD", " alice '"+passwordOf("alice")+"'",
			"USER", "alice", "7868", fmt.Sprint(p.metricsPort)).Replace(line)
		t.Run(line, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "sh", "-ec", command)
			cmd.Env = append(os.Environ(), fmt.Sprintf("PORT=%d", p.port), fmt.Sprintf("METRICS_PORT=%d", p.metricsPort), "BIND=127.0.0.1", "NOTIFY_PUSH_PASSWORD="+passwordOf("alice"))
			output, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", output)
			require.NotContains(t, string(output), passwordOf("alice"))
		})
	}
}
