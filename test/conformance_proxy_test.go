package test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/transport/proxytest"
)

// TestConformanceBehindProxies has the documented snippets between the clients and the daemon, which calls Nextcloud directly.
func TestConformanceBehindProxies(t *testing.T) {
	t.Parallel()
	for name, proxy := range map[string]struct {
		start     func(testing.TB, string) string
		forwarded string
	}{
		"nginx":  {proxytest.Nginx, "127.0.0.1, 127.0.0.1"}, // the proxy's peer, proxy
		"Apache": {proxytest.Apache, "192.0.2.1, 127.0.0.1, 127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := wellSite(t)
			front := proxy.start(t, p.address())
			address := strings.TrimPrefix(front, "http://")

			for _, test := range selfTests {
				got := request(t, test.method, front+"/push"+test.path, "token", "sesame")
				require.Equal(t, http.StatusOK, got.status, test.path)
				require.Equal(t, test.answer, got.body, test.path)
			}

			e := endpoint{network: "tcp", address: address, url: "ws://" + address + "/push/ws"}
			e.options.HTTPHeader = http.Header{"X-Forwarded-For": {"192.0.2.1"}}
			alice, _ := dialEndpoint(t, e)
			alice.logIn("alice", passwordOf("alice"))
			require.Equal(t, proxy.forwarded, s.asked("uid")[0].header.Get("X-Forwarded-For"))
			s.publishAtOnce(customEvent("alice", "through the proxy"))
			alice.expect("through the proxy")

			if isOurs() {
				s.publish("notify_signal", `"reset"`)
				require.Equal(t, websocket.StatusServiceRestart, alice.closed(), "close frames pass, too")
			}
		})
	}
}
