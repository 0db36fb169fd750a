package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/notifypush/notifypush/internal/realm"
)

const stepPushURL = "push URL"

const adviseCheck = "On the push server's machine run, with the variables of its unit: notify_push check CONFIG_FILE"

// examinePushURL asks for pages at the push server's address, to see who answers there.
func (e *examination) examinePushURL(ctx context.Context) {
	if e.endpoint.Host != e.site.Host {
		e.examineCertificate(ctx, e.endpoint)
	}
	if e.broken {
		return
	}
	cookie := e.pushPage("test/cookie")
	a, err := e.ask(ctx, http.MethodGet, cookie)
	if err != nil {
		e.explainNoAnswer(ctx, cookie, err)
		return
	}
	if e.proxy = recognise(a); e.proxy == unknownProxy {
		e.proxy = e.provoke(ctx)
	}
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
			e.fault(stepPushURL, fmt.Sprintf("%s comes out of a cache (%s)", at, mark), Cached)
			return true
		}
		return false
	case a.status == http.StatusUnauthorized:
		e.fault(stepPushURL, fmt.Sprintf("the web server asks for a password of its own (realm %q) at %s", realm.Of(a.header), at), BasicAuth)
	case a.status/100 == 3:
		e.fault(stepPushURL, fmt.Sprintf("%s redirects to %s; websockets do not follow redirects", at, a.header.Get("Location")), Redirected)
	case a.status == http.StatusForbidden:
		e.fault(stepPushURL, a.from(at), Refused)
	case a.status == http.StatusBadGateway || a.status == http.StatusServiceUnavailable || a.status == http.StatusGatewayTimeout:
		e.fault(stepPushURL, a.from(at)+": the reverse proxy does not reach the push server", NoServer)
	case strings.Contains(a.body, "nothing is served here"):
		e.fault(stepPushURL, "the push server answers, and gets another path than "+at.Path+" or its end", NoLocation)
	default:
		e.fault(stepPushURL, a.from(at)+", and not the push server", NoLocation)
	}
	return true
}

// explainNoAnswer reports a page of the push server that did not come.
func (e *examination) explainNoAnswer(ctx context.Context, at *url.URL, err error) {
	e.proxy = e.provoke(ctx)
	switch timeout, ok := errors.AsType[net.Error](err); {
	case isHTTP2(err):
		e.fault(stepPushURL, at.String()+" answers with HTTP/2 to HTTP/1.1", HTTP2WithoutTLS)
	case ok && timeout.Timeout():
		e.fault(stepPushURL, fmt.Sprintf("GET %s: no answer within %v", at, stepTimeout), HeldBack)
	default:
		e.fail(stepPushURL, fmt.Sprintf("GET %s: %v", at, err), strings.TrimSpace(Advise(err)+" Is that the right host and port? "+adviseSetup(e.site)))
	}
}

// examineForwarding asks the push server whether the proxy says for whom it asks.
func (e *examination) examineForwarding(ctx context.Context) {
	const step = "X-Forwarded-For"
	var seen [2]struct {
		Forwarded bool  `json:"forwarded"`
		Inner     bool  `json:"inner"`
		Time      int64 `json:"time"`
	}
	for i := range seen {
		a, err := e.ask(ctx, http.MethodGet, e.pushPage("test/client"))
		if err != nil || a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &seen[i]) != nil {
			return // the app's own daemon does not say
		}
	}
	switch {
	case seen[0].Time == seen[1].Time:
		e.fault("cache", "the push server's answers come out of a cache", Cached)
	case !seen[0].Forwarded && e.proxy == unknownProxy && e.endpoint.Host != e.site.Host:
		e.warn(step, "requests reach the push server without X-Forwarded-For", "Fine where no reverse proxy is in between. Where one is, all clients have its address, and wrong passwords of one slow down all.",
			linesFor(NoForwardedFor, e.proxy, e.PushServer)...)
	case !seen[0].Forwarded:
		e.fault(step, "the reverse proxy does not tell the push server who a client is: all clients have the proxy's address, wrong passwords of one slow down all, and Nextcloud's brute-force protection sees one address", NoForwardedFor)
		e.broken = false // clients can still get pushes
	case e.isPublic && seen[0].Inner:
		e.fault(step, "the reverse proxy says that this client is inside its own network: something before it, such as a container's network, has put an address of its own in the place of every client's (notify_push clients shows it)", HiddenBehindGateway)
		e.broken = false // clients can still get pushes
	default:
		e.green(step, "the reverse proxy says who a client is")
	}
}

// askedAbout is the address of a client that does not exist.
const askedAbout = "192.0.2.1"

// explainUnreachable reports why the push server cannot ask Nextcloud, in its own words.
func (e *examination) explainUnreachable(step, why string) {
	detail := "the push server cannot ask Nextcloud: " + why
	if strings.Contains(why, "password of its own") {
		e.fault(step, detail, BasicAuthBeforeUs)
		return
	}
	e.fail(step, detail, adviseCheck)
}

// examineRemote has the push server ask Nextcloud whom it takes for the client, as a login does.
func (e *examination) examineRemote(ctx context.Context) {
	const step = "X-Forwarded-For at Nextcloud"
	if e.Token == nil {
		return
	}
	token, giveBack, err := e.Token(ctx)
	if err != nil {
		e.warn(step, "not tried: "+err.Error(), "")
		return
	}
	defer giveBack()
	a, err := e.ask(ctx, http.MethodGet, e.pushPage("test/remote/"+askedAbout), "token", token)
	seen := strings.TrimSpace(a.body)
	_, noAddress := netip.ParseAddr(seen)
	switch {
	case err != nil:
		e.warn(step, "not tried: "+err.Error(), "")
	case a.status == http.StatusForbidden:
		e.fail(step, "the push server does not know the self test's token of this Redis", "It uses another Redis, by REDIS_URL or --redis-url in its unit: notify_push check CONFIG_FILE says which is Nextcloud's.")
	case a.status != http.StatusOK || noAddress != nil:
		e.explainUnreachable(step, seen)
	case seen == askedAbout:
		e.green(step, "Nextcloud believes what the push server says")
	default:
		e.explainRemote(step, seen)
		e.broken = false // clients can still get pushes
	}
	e.examineMapping(ctx, token)
}

// examineMapping has the push server read from the database who sees a storage, as it must for a file event.
func (e *examination) examineMapping(ctx context.Context, token string) {
	const step = "database"
	if e.broken || ctx.Err() != nil {
		return
	}
	a, err := e.ask(ctx, http.MethodGet, e.pushPage("test/mapping/1"), "token", token)
	switch {
	case err != nil:
		e.warn(step, "not tried: "+err.Error(), "")
	case a.status != http.StatusOK:
		e.fail(step, "the push server cannot read who sees a file, so pushes of files do not come: "+strings.TrimSpace(a.body), adviseCheck)
		e.broken = false // the other pushes come
	default:
		e.green(step, "the push server can read who sees a file")
	}
}

// explainRemote reports that Nextcloud takes another address for the client's.
func (e *examination) explainRemote(step, seen string) {
	detail := "Nextcloud takes " + seen + " for the client instead of the address in X-Forwarded-For: "
	advice := ""
	if e.AdviseTrust != nil {
		advice = e.AdviseTrust(seen)
	}
	if advice != "" {
		e.fail(step, detail+"it is none of its trusted_proxies", advice)
		return
	}
	e.fault(step, detail+"either it is none of its trusted_proxies (notify_push check prints the line), or the web server in front of Nextcloud replaces the header", ReplacedForwardedFor)
}
