package test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/internal/testkit/browsertest"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// nextcloudAt writes a config.php of a Nextcloud at these domains.
func nextcloudAt(t *testing.T, domains string) (path string) {
	path = filepath.Join(t.TempDir(), "config.php")
	writeTrusted(t, path, domains)
	return path
}

func writeTrusted(t *testing.T, path, domains string) {
	require.NoError(t, os.WriteFile(path, []byte("<?php $CONFIG = ['trusted_domains' => ["+domains+"]];"), 0o600))
}

// guessingPage tries passwords of alice, the last of which is right, one websocket after the other and several at once, and notes what
// it learns. A frame in a sandbox does the same, as an origin that is nobody's.
const guessingPage = `<!DOCTYPE html><body><script>
const guess = (password) => new Promise((learn) => {
	const socket = new WebSocket(%q)
	let said = 'refused'
	socket.onopen = () => { said = 'opened'; socket.send('alice'); socket.send(password) }
	socket.onmessage = (message) => learn(message.data)
	socket.onclose = () => learn(said)
})
const passwords = [...Array(20).keys()].map((i) => 'guess ' + i)
const guessAll = async () => [await guess('guess'), ...await Promise.all(passwords.map(guess)), await guess(%q)]
</script>`

func guessing(p *pushServer) http.Handler {
	page := fmt.Sprintf(guessingPage, "ws://"+p.address()+"/ws", passwordOf("alice"))
	framed := page + `<script>guessAll().then((learned) => parent.postMessage(learned, '*'))</script>`
	mux := http.NewServeMux()
	answer := func(path, text string) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte(text))
		})
	}
	answer("/own", page+`<script>guess(`+fmt.Sprintf("%q", passwordOf("alice"))+`).then((learned) => { window.learned = [learned] })</script>`)
	answer("/{$}", page+`<script>guessAll().then((learned) => { window.learned = learned })</script>`)
	answer("/framed", `<!DOCTYPE html><body><script>onmessage = (message) => { window.learned = message.data }</script><iframe sandbox="allow-scripts" src="/frame"></iframe>`)
	answer("/frame", framed)
	return mux
}

// TestPagesOfOtherSitesInABrowser has pages in a browser try passwords: those of Nextcloud's own domain may, those of another site learn
// nothing and cause no question, and a frame that is nobody's has one guess.
func TestPagesOfOtherSitesInABrowser(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	browser := storagetest.Program(t, "chromium", "chromium-browser", "google-chrome")
	for name, test := range map[string]struct {
		host, path string
		asked      int
		learned    func(t *testing.T, learned []string)
	}{
		"own": {"cloud.localhost", "/own", 1, func(t *testing.T, learned []string) { require.Equal(t, []string{"authenticated"}, learned) }},
		"foreign": {"evil.localhost", "/", 0, func(t *testing.T, learned []string) {
			require.Len(t, learned, 22)
			for _, one := range learned {
				require.Equal(t, "refused", one)
			}
		}},
		"framed": {"evil.localhost", "/framed", 1, func(t *testing.T, learned []string) {
			require.Len(t, learned, 22)
			require.Equal(t, "err: Invalid credentials", learned[0])
			for _, one := range learned[1:] { // the last one is right
				require.Contains(t, []string{"refused", "opened"}, one)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			p := s.serve(nextcloudAt(t, "'cloud.localhost'"))
			shown := openPageAt(t, browser, test.host, test.path, guessing(p))
			shown.See("what it learned", "window.learned")
			learned, err := chromedp.Run(shown.Ctx, chromedp.Evaluate[[]string]("window.learned"))
			require.NoError(t, err)
			test.learned(t, learned)
			require.Len(t, s.asked("uid"), test.asked)
		})
	}
}

// openPageAt opens a page by a name; those below localhost lead to this machine.
func openPageAt(t *testing.T, browser, host, path string, pages http.Handler) browserPage {
	address := serveLocally(t, pages)
	shown := browsertest.Start(t, browser)
	shown.Do(chromedp.Navigate(strings.Replace(address, "127.0.0.1", host, 1) + path))
	return browserPage{shown}
}

// TestTrustedDomainsAreReadAgain has Nextcloud trust another domain while this server runs, whose pages are let in soon after.
func TestTrustedDomainsAreReadAgain(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	configFile := nextcloudAt(t, "'cloud.example'")
	p := s.serve(configFile)
	p.dial("/ws", "Origin", "https://cloud.example").logIn("alice", passwordOf("alice"))
	writeTrusted(t, configFile, "'cloud.example', '*.other.example'")
	origin := []string{"Origin", "https://a.other.example", "Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Version", "13",
		"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}
	require.Equal(t, http.StatusForbidden, p.request(http.MethodGet, "/ws", origin...).status)
	p.await("its pages are let in", func() bool {
		time.Sleep(10 * time.Millisecond)
		return p.request(http.MethodGet, "/ws", origin...).status == http.StatusSwitchingProtocols
	})
	require.Contains(t, p.output.String(), "pages of https://a.other.example are not admitted")
}

// TestUnknownDomainsRefuseNobody starts with settings from the environment alone, which say nothing of domains.
func TestUnknownDomainsRefuseNobody(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serve()
	p.dial("/ws", "Origin", "http://"+p.address()).logIn("alice", passwordOf("alice"))
	require.NotContains(t, p.output.String(), "another site")
	p.dial("/ws", "Origin", "https://elsewhere.example").logIn("alice", passwordOf("alice"))
	p.awaitLog(`a web page that may be another site's connects	{"origin": "https://elsewhere.example", "advice": "list the hosts of Nextcloud in --allowed-origins`)
	p.terminate()
	p = s.serve("ALLOWED_ORIGINS=https://cloud.example")
	p.dial("/ws", "Origin", "https://cloud.example").logIn("alice", passwordOf("alice"))
	require.NotContains(t, p.output.String(), "another site")
}
