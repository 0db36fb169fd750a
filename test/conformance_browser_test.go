package test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/internal/testkit/browsertest"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// The library by which the pages of Nextcloud listen, and what makes one script of it.
var libraries = []string{"@nextcloud/notify_push@1.4.0", "esbuild@0.28.2"}

// listeningScript notes in a list what the library hears. A page may have many listeners, which it tells the server of as soon as it is
// connected.
const listeningScript = `
import { listen } from '@nextcloud/notify_push'

const credentials = JSON.parse(document.body.dataset.credentials)
window.heard = []
for (const name of ['notify_file', 'notify_file_id', 'notify_activity', 'notify_notification', 'chat']) {
	window.available = listen(name, (event, body) => window.heard.push([event, body]), credentials ? { credentials } : {})
}
for (let i = 0; i < 50; i++) {
	listen('notify_of_app_' + i, () => {}, credentials ? { credentials } : {})
}
`

// bundle fetches the library and makes a script of it.
func bundle(t *testing.T) (script []byte) {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("npm is not installed")
	}
	folder := t.TempDir()
	install := exec.Command(npm, append([]string{"install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder}, libraries...)...)
	if output, err := install.CombinedOutput(); err != nil {
		t.Skipf("npm cannot fetch the library: %v\n%s", err, output)
	}
	entry, result := filepath.Join(folder, "page.js"), filepath.Join(folder, "bundle.js")
	require.NoError(t, os.WriteFile(entry, []byte(listeningScript), 0o600))
	build := exec.Command(filepath.Join(folder, "node_modules", ".bin", "esbuild"), entry, "--bundle", "--outfile="+result)
	build.Dir = folder
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))
	script, err = os.ReadFile(result)
	require.NoError(t, err)
	return script
}

// TestConformanceWebLibrary has the library listen in a browser.
func TestConformanceWebLibrary(t *testing.T) {
	t.Parallel()
	browser := storagetest.Program(t, "chromium", "chromium-browser", "google-chrome")
	script := bundle(t)
	for name, credentials := range map[string]any{
		"with tokens":        nil,
		"with user and name": map[string]string{"username": "alice", "password": passwordOf("alice")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.mounts.Mount(7, "alice", "files")
			var words []string
			if isOurs() {
				words = []string{nextcloudAt(t, "'cloud.localhost'")} // and no other pages are let in
			}
			p := s.serveAtOnce(words...)
			s.open(nextcloud.Options{PushURL: "http://" + p.address()})
			opened := openPageAt(t, browser, "cloud.localhost", "/", s.pages(script, credentials))
			opened.see("window.available === true")
			p.awaitMetric("active_connection_count", 1)
			opened.hearAll(p)

			s.publish("notify_signal", `"reset"`) // it comes back by itself
			p.awaitMetric("total_connection_count", 2)
			opened.hearAll(p)
		})
	}
}

// pages is what alice's browser sees of Nextcloud: a page with the script, and the rest with her session.
func (s *site) pages(script []byte, credentials any) http.Handler {
	capabilities := request(s.t, http.MethodGet, s.url+"/ocs/v2.php/cloud/capabilities?format=json", "OCS-APIRequest", "true",
		"Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("alice:"+passwordOf("alice"))))
	var answer struct {
		OCS struct {
			Data struct {
				Capabilities struct {
					Push struct {
						Type      []string
						Endpoints map[string]string
					} `json:"notify_push"`
				}
			}
		}
	}
	require.NoError(s.t, json.Unmarshal([]byte(capabilities.body), &answer))
	push := answer.OCS.Data.Capabilities.Push
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		state, _ := json.Marshal(map[string]any{"notify_push": map[string]any{"type": push.Type, "endpoints": map[string]string{
			"websocket": push.Endpoints["websocket"],
			"pre_auth":  strings.Replace(push.Endpoints["pre_auth"], s.url, "http://"+r.Host, 1),
		}}})
		login, _ := json.Marshal(credentials)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!DOCTYPE html><head data-requesttoken="token" data-user="alice"></head><body data-credentials='%s'>
<input type="hidden" id="initial-state-core-capabilities" value="%s"><script src="script.js"></script>`,
			login, base64.StdEncoding.EncodeToString(state))
	})
	mux.HandleFunc("GET /script.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(script)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		r.SetBasicAuth("alice", passwordOf("alice"))
		s.serveCloud(w, r)
	})
	return mux
}

// browserPage is a page in a browser.
type browserPage struct{ browsertest.Page }

// serveLocally serves pages until the test ends.
func serveLocally(t *testing.T, pages http.Handler) (url string) {
	server := httptest.NewServer(pages)
	t.Cleanup(server.Close)
	return server.URL
}

// see waits until a condition, in JavaScript, holds.
func (b browserPage) see(condition string) {
	b.T.Helper()
	_, err := chromedp.Run(b.Ctx, chromedp.Poll[bool]("!!("+condition+")"))
	if err != nil {
		heard, _ := chromedp.Run(b.Ctx, chromedp.Evaluate[string]("JSON.stringify(window.heard)"))
		b.T.Fatalf("%s: %v; heard %s", condition, err, heard)
	}
}

func (b browserPage) hears(event string) bool {
	b.T.Helper()
	heard, err := chromedp.Run(b.Ctx, chromedp.Evaluate[bool](
		fmt.Sprintf("window.heard.some((one) => JSON.stringify(one) === %q)", event)))
	require.NoError(b.T, err)
	return heard
}

// hearAll has the page hear a push of each kind.
func (b browserPage) hearAll(p *pushServer) {
	b.T.Helper()
	_, err := chromedp.Run(b.Ctx, chromedp.Evaluate[bool]("(window.heard = []).length === 0"))
	require.NoError(b.T, err)
	s := p.site
	p.await("the page hears of files by their ids", func() bool {
		s.publishAtOnce(fileEvent(7, "files/a", 42))
		return b.hears(`["notify_file_id",[42]]`)
	})
	s.publishAtOnce(eventFor("notify_user_share_created", "alice"), eventFor("notify_activity", "alice"), eventFor("notify_notification", "alice"),
		event{"notify_custom", `{"user":"alice","message":"chat","body":{"text":"hé","room":[1,2]}}`}, customEvent("alice", "chat"))
	for _, event := range []string{
		`["notify_file",null]`, `["notify_activity",null]`, `["notify_notification",null]`, `["chat",{"text":"hé","room":[1,2]}]`, `["chat",null]`,
	} {
		b.see(fmt.Sprintf("window.heard.some((one) => JSON.stringify(one) === %q)", event))
	}
}
