package doctor

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/notifypush/notifypush/client"
)

// discover asks Nextcloud for its push server, as this user, and looks at what it names.
func (e *examination) discover(ctx context.Context) {
	const step = "capabilities"
	capability, err := client.Discover(ctx, client.Options{Nextcloud: e.site.String(), User: e.User, Password: e.Password, PreAuth: e.PreAuth, HTTPClient: e.client})
	if err != nil {
		e.explainDiscovery(ctx, step, err)
		return
	}
	endpoint, err := url.Parse(capability.Endpoints.Websocket)
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "ws" && endpoint.Scheme != "wss" {
		e.fail(step, fmt.Sprintf("Nextcloud names %q as its push server", capability.Endpoints.Websocket), adviseSetup(e.site))
		return
	}
	endpoint.User = nil
	e.endpoint, e.preAuth = endpoint, capability.Endpoints.PreAuth
	if isLocal(endpoint.Hostname()) && !isLocal(e.site.Hostname()) {
		e.fail(step, "Nextcloud names "+endpoint.String()+", which is another machine to every client", adviseSetup(e.site))
		return
	}
	e.green(step, "Nextcloud names "+endpoint.String())
}

func adviseSetup(site *url.URL) string {
	return fmt.Sprintf("Run: occ notify_push:setup %s/push", strings.TrimRight(site.String(), "/"))
}

func (e *examination) explainDiscovery(ctx context.Context, step string, err error) {
	if a, err := e.ask(ctx, http.MethodGet, e.site.JoinPath("status.php")); err == nil {
		e.proxy = recognise(a)
	}
	status, answered := errors.AsType[*client.StatusError](err)
	unsafe, isUnsafe := errors.AsType[*client.UnsafeEndpointError](err)
	switch {
	case isUnsafe:
		e.fail(step, unsafe.Error(), adviseSetup(e.site)+" Before, correct overwrite.cli.url, or overwriteprotocol and overwritehost, in config.php.")
	case answered && status.Status == http.StatusUnauthorized:
		e.fault(step, fmt.Sprintf("the web server asks for a password of its own (realm %q) before Nextcloud is reached", status.Realm), BasicAuth)
	case !answered && e.site.Scheme == "http" && e.speaksHTTP2(ctx):
		e.fault(step, e.site.Host+" answers with HTTP/2 to HTTP/1.1", HTTP2WithoutTLS)
	case errors.Is(err, client.ErrInvalidCredentials):
		e.fail("login", "Nextcloud refuses user and password", "Use an app password (Settings, Security) where a second factor is enforced.")
	case errors.Is(err, client.ErrNoPush):
		e.fail(step, "Nextcloud answers, and names no push server", "Install and set up the app: occ app:install notify_push. "+adviseSetup(e.site))
	case answered && status.Status/100 == 3:
		e.fail(step, "the address redirects elsewhere: "+status.Error(), "Give the address that browsers end at.")
	default:
		e.fail(step, err.Error(), cmp.Or(Advise(err), "Is this Nextcloud's address, with its folder if it has one?"))
	}
}

// speaksHTTP2 reports whether the site answers to the first frame of an HTTP/2 connection with one.
func (e *examination) speaksHTTP2(ctx context.Context) (speaks bool) {
	const emptySettings = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	e.exchange(ctx, e.site, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+emptySettings, func(reader *bufio.Reader) {
		var header [9]byte
		_, err := io.ReadFull(reader, header[:])
		speaks = err == nil && header[3] == 4 // SETTINGS
	})
	return speaks
}

// answer is a page that was asked for.
type answer struct {
	status int
	header http.Header
	body   string
}

// from says what answered how.
func (a answer) from(at *url.URL) string {
	return fmt.Sprintf("%s answered %d %s", at, a.status, http.StatusText(a.status))
}

// ask asks for a page. headers are names and values.
func (e *examination) ask(ctx context.Context, method string, at *url.URL, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, at.String(), nil)
	if err != nil {
		return answer{}, err
	}
	for pair := range slices.Chunk(headers, 2) {
		request.Header.Set(pair[0], pair[1])
	}
	response, err := e.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	return readAnswer(response)
}

func readAnswer(response *http.Response) (answer, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	return answer{response.StatusCode, response.Header, string(body)}, err
}

// askAsUser returns what a page says that wants a login.
func (e *examination) askAsUser(ctx context.Context, method string, at *url.URL, headers ...string) (string, error) {
	request := *at
	request.User = url.UserPassword(e.User, e.Password)
	a, err := e.ask(ctx, method, &request, headers...)
	if err == nil && a.status != http.StatusOK {
		err = errors.New(a.from(at))
	}
	return strings.TrimSpace(a.body), err
}

// fetchToken has Nextcloud make a pre-auth token.
func (e *examination) fetchToken(ctx context.Context) (string, error) {
	at, err := url.Parse(e.preAuth)
	if err != nil {
		return "", err
	}
	return e.askAsUser(ctx, http.MethodPost, at, "OCS-APIRequest", "true")
}
