//go:build unix

package proxytest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// FleetHAProxy starts HAProxy with docs/deploy/fleet-haproxy.cfg at an address, in front of three push servers, each a
// host:port. They are below /push/.
func FleetHAProxy(t testing.TB, address string, upstreams [3]string) *storagetest.Process {
	t.Helper()
	inFrontend, sections := halves(t, "fleet-haproxy.cfg", "# Beside the other backends:\n", upstreams)
	return startHAProxy(t, address, inFrontend, sections)
}

// FleetNginx starts nginx with docs/deploy/fleet-nginx.conf in the same way.
func FleetNginx(t testing.TB, address string, upstreams [3]string) *storagetest.Process {
	t.Helper()
	inHTTP, inServer := halves(t, "fleet-nginx.conf", "# Into the server block of Nextcloud, above its other locations:\n", upstreams)
	return startNginx(t, address, inHTTP, inServer)
}

// halves returns a file of docs/deploy before and after a line, with other upstreams than the three that are documented.
func halves(t testing.TB, name, line string, upstreams [3]string) (first, second string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(moduleRoot(t), "docs", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for i, upstream := range upstreams {
		documented := fmt.Sprintf("10.0.0.%d:7867", 7+i)
		if !strings.Contains(text, documented) {
			t.Fatalf("%s does not name %s", name, documented)
		}
		text = strings.ReplaceAll(text, documented, upstream)
	}
	first, second, found := strings.Cut(text, line)
	if !found {
		t.Fatalf("%s does not have the line %q", name, line)
	}
	return first, second
}
