//go:build linux

package monitor

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/testkit/browsertest"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// newInstances serves the pages of a process with an instance that is well, one that is not, and one whose configuration cannot be used.
func newInstances(t *testing.T) (url string) {
	alice, bob := newStatus(t, busyHour), newStatus(t, nil)
	bob.source.Stats = func() actors.Stats { return actors.Stats{ActiveConnections: 3} }
	list := func() []Instance {
		return []Instance{
			{InstanceReply{Name: "alice", Served: true, Ready: true, Connections: 7, Hosts: []string{"cloud.alice.example"}}, &alice.source},
			{InstanceReply{Name: "bob", Served: true, Problems: map[string]string{"redis": "refused"}}, &bob.source},
			{InstanceReply{Name: "carol", Problems: map[string]string{"configuration": "<b>nonsense</b>"}}, nil},
		}
	}
	pages := func(name string) http.Handler {
		if kit := map[string]*statusKit{"alice": alice, "bob": bob}[name]; kit != nil {
			return New(kit.source)
		}
		return nil
	}
	server := httptest.NewServer(NewInstances(Source{Version: "0.1.0"}, list, pages))
	t.Cleanup(server.Close)
	return server.URL
}

func TestInstances(t *testing.T) {
	url := newInstances(t)
	kit := &statusKit{url: url}
	status, body, _ := kit.call(t, http.MethodGet, "/metrics", "")
	require.Equal(t, http.StatusOK, status)
	for _, line := range []string{
		`active_connection_count{instance="bob"} 3`, `notify_push_messages_sent_total{instance="bob",type="file"} 0`,
		`notify_push_ready{instance="alice"} 1`, `notify_push_ready{instance="carol"} 0`, "go_goroutines",
	} {
		require.Contains(t, body, line)
	}
	status, body, _ = kit.call(t, http.MethodGet, "/api/status", "")
	require.Equal(t, http.StatusOK, status)
	var reply InstancesReply
	require.NoError(t, json.Unmarshal([]byte(body), &reply))
	require.True(t, reply.Ready)
	require.Len(t, reply.Instances, 3)
	status, body, _ = kit.call(t, http.MethodGet, "/instances/alice/api/status", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `"app_version":"1.4.0"`)
	for path, want := range map[string]int{
		"/instances/carol/api/status": http.StatusNotFound, "/instances/dave/": http.StatusNotFound, "/api/clients": http.StatusNotFound,
		"/instances/bob/readyz": http.StatusOK, "/instances/bob/": http.StatusOK, "/readyz": http.StatusOK, "/livez": http.StatusOK, "/version": http.StatusOK, "/": http.StatusOK,
	} {
		status, body, _ := kit.call(t, http.MethodGet, path, "")
		require.Equal(t, want, status, "%s: %s", path, body)
	}
	status, _, _ = kit.call(t, http.MethodPost, "/instances/alice/api/reset", "{}")
	require.Equal(t, http.StatusUnauthorized, status)
}

func TestThePageShowsInstances(t *testing.T) {
	url := newInstances(t)
	b := browsertest.Start(t, storagetest.Program(t, "chromium"))
	b.Do(chromedp.EmulateViewport(1180, 900), chromedp.Navigate(url))
	b.See("how many are well", browsertest.Text("state")+" === '2 of 3 instances not ready'")
	b.See("each of them", `[...document.querySelectorAll("#instances tbody tr")].map((row) => row.cells[0].textContent + " " + row.cells[1].textContent).join() === "alice ready,bob redis: refused,carol configuration: <b>nonsense</b>"`)
	b.See("nothing of a single one", `document.querySelectorAll("main > section:not([hidden])").length === 1`)
	b.Do(chromedp.Click(chromedp.CSS("#instances a")))
	b.See("that one's clients", rows+` === "alice,bob,carol,dave,erin,grace"`)
	b.See("whose they are", browsertest.Text("name")+" === 'alice' && document.getElementById('all').hidden")
	b.Do(chromedp.SetValue(chromedp.ID("token"), adminToken), chromedp.Click(chromedp.CSS("#unlock button")))
	b.See("buttons", `document.querySelector("#clients td button")`)
	b.Do(chromedp.Click(chromedp.CSS("#one a")))
	b.See("all again", browsertest.Text("state")+" === '2 of 3 instances not ready'")
}
