package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

const stepPushURL = "push URL"

// examinePushURL asks for pages at the push server's address, to see who answers there.
func (e *examination) examinePushURL(ctx context.Context) {
	if e.endpoint.Host != e.site.Host && e.endpoint.Scheme == "wss" {
		e.examineCertificate(ctx, e.endpoint)
	}
	if e.broken {
		return
	}
	cookie := e.pushPage("test/cookie")
	a, err := e.get(ctx, cookie)
	if err != nil {
		e.fail(stepPushURL, fmt.Sprintf("GET %s: %v", cookie, err), "Is that the right host and port? "+adviseSetup(e.site))
		return
	}
	e.proxy = recognise(a)
	if e.explainAnswer(cookie, a) {
		return
	}
	e.green(stepPushURL, e.who(a)+" answers at "+e.pushPage("").String())
	e.examineForwarding(ctx)
}

// pushPage is an address of the push server: that of the websocket, less /ws.
func (e *examination) pushPage(page string) *url.URL {
	at := *e.endpoint
	at.Scheme = map[string]string{"ws": "http", "wss": "https"}[at.Scheme]
	at.Path = strings.TrimSuffix(at.Path, "/ws") + "/" + page
	return &at
}

func (e *examination) who(a answer) string {
	behind := ""
	if e.proxy != unknownProxy {
		behind = " behind " + string(e.proxy)
	}
	if a.status == http.StatusBadRequest {
		return "the app's own daemon" + behind
	}
	return "this push server" + behind
}

// isPushServer knows this server by the number that it answers without a token, and the app's own by how it
// asks for one.
func isPushServer(a answer) bool {
	return a.status == http.StatusOK && strings.TrimSpace(a.body) == "0" || a.status == http.StatusBadRequest && strings.Contains(a.body, "token")
}

// explainAnswer reports an answer that is not a push server's.
func (e *examination) explainAnswer(at *url.URL, a answer) (explained bool) {
	switch {
	case isPushServer(a):
		if mark := cacheMark(a.header); mark != "" {
			e.fail(stepPushURL, fmt.Sprintf("%s comes out of a cache (%s)", at, mark), "Take the push server out of the cache.", linesFor(cached, e.proxy)...)
			return true
		}
		return false
	case a.status == http.StatusUnauthorized:
		e.fail(stepPushURL, fmt.Sprintf("the web server asks for a password of its own (realm %q) at %s", realmOf(a.header), at),
			"Clients cannot answer it. Take basic authentication off the push server's address.", linesFor(basicAuth, e.proxy)...)
	case a.status/100 == 3:
		e.fail(stepPushURL, fmt.Sprintf("%s redirects to %s; websockets do not follow redirects", at, a.header.Get("Location")),
			"Have the push server answer at the address that Nextcloud names, or name the other: "+adviseSetup(e.site), linesFor(redirected, e.proxy)...)
	case a.status == http.StatusBadGateway || a.status == http.StatusServiceUnavailable || a.status == http.StatusGatewayTimeout:
		e.fail(stepPushURL, fmt.Sprintf("%s answered %d %s: the reverse proxy does not reach the push server", at, a.status, http.StatusText(a.status)),
			"Is the push server running? Has the proxy its address and port, and does it speak plain HTTP/1.1 to it?", linesFor(noServer, e.proxy)...)
	case strings.Contains(a.body, "nothing is served here"):
		e.fail(stepPushURL, "the push server answers, and gets another path than "+at.Path, "Pass the path on as it is, or without the prefix.", linesFor(noLocation, e.proxy)...)
	default:
		e.fail(stepPushURL, fmt.Sprintf("%s answered %d %s, and not the push server", at, a.status, http.StatusText(a.status)),
			"The web server does not pass this address on to the push server, or to another port than the push server's (7867 by default).", linesFor(noLocation, e.proxy)...)
	}
	return true
}

// examineForwarding asks the push server whether the proxy says for whom it asks.
func (e *examination) examineForwarding(ctx context.Context) {
	const step = "X-Forwarded-For"
	var seen [2]struct {
		Forwarded bool  `json:"forwarded"`
		Time      int64 `json:"time"`
	}
	for i := range seen {
		a, err := e.get(ctx, e.pushPage("test/client"))
		if err != nil || a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &seen[i]) != nil {
			return // the app's own daemon does not say
		}
	}
	switch {
	case seen[0].Time == seen[1].Time:
		e.fail("cache", "the push server's answers come out of a cache", "Take the push server out of the cache.", linesFor(cached, e.proxy)...)
	case !seen[0].Forwarded && e.proxy == unknownProxy && e.endpoint.Host != e.site.Host:
		e.warn(step, "requests reach the push server without X-Forwarded-For", "Fine where no reverse proxy is in between. Where one is, all clients have its address, and wrong passwords of one slow down all.", linesFor(noForwardedFor, e.proxy)...)
	case !seen[0].Forwarded:
		e.fail(step, "the reverse proxy does not tell the push server who a client is: all clients have the proxy's address, wrong passwords of one slow down all, and Nextcloud's brute-force protection sees one address",
			"Add the header.", linesFor(noForwardedFor, e.proxy)...)
		e.broken = false // clients can still get pushes
	default:
		e.green(step, "the reverse proxy says who a client is")
	}
}
