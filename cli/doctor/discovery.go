package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/notifypush/notifypush/client"
)

// discover asks Nextcloud for its push server, as this user, and looks at what it names.
func (e *examination) discover(ctx context.Context) {
	const step = "capabilities"
	capability, err := client.Discover(ctx, client.Options{Nextcloud: e.site.String(), User: e.User, Password: e.Password, HTTPClient: e.client})
	if err != nil {
		e.explainDiscovery(ctx, step, err)
		return
	}
	endpoint, err := url.Parse(capability.Endpoints.Websocket)
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "ws" && endpoint.Scheme != "wss" {
		e.fail(step, fmt.Sprintf("Nextcloud names %q as its push server", capability.Endpoints.Websocket), adviseSetup(e.site))
		return
	}
	e.endpoint, e.preAuth = endpoint, capability.Endpoints.PreAuth
	switch {
	case isLocal(endpoint.Hostname()) && !isLocal(e.site.Hostname()):
		e.fail(step, "Nextcloud names "+endpoint.String()+", which is another machine to every client", adviseSetup(e.site))
	case e.site.Scheme == "https" && endpoint.Scheme == "ws":
		e.fail(step, "Nextcloud is at https:// and names "+endpoint.String()+": desktop clients refuse that address, and others would send passwords in clear",
			adviseSetup(e.site)+" Is overwrite.cli.url, or overwriteprotocol, http in config.php?")
	default:
		e.green(step, "Nextcloud names "+endpoint.String())
	}
}

func adviseSetup(site *url.URL) string {
	return fmt.Sprintf("Run: occ notify_push:setup %s/push", strings.TrimRight(site.String(), "/"))
}

func (e *examination) explainDiscovery(ctx context.Context, step string, err error) {
	if realm := e.foreignRealm(ctx); realm != "" {
		e.fail(step, fmt.Sprintf("the web server asks for a password of its own (realm %q) before Nextcloud is reached", realm),
			"No client can answer both. Take basic authentication off Nextcloud's site.", "nginx: auth_basic off;", "Apache: Require all granted")
		return
	}
	if errors.Is(err, client.ErrInvalidCredentials) {
		e.fail("login", "Nextcloud refuses user and password", "Use an app password (Settings, Security) where a second factor is enforced.")
		return
	}
	if errors.Is(err, client.ErrNoPush) {
		e.fail(step, "Nextcloud answers, and names no push server", "Install and set up the app: occ app:install notify_push. "+adviseSetup(e.site))
		return
	}
	if status, ok := errors.AsType[*client.StatusError](err); ok && status.Status/100 == 3 {
		e.fail(step, "the address redirects elsewhere: "+status.Error(), "Give the address that browsers end at.")
		return
	}
	e.fail(step, err.Error(), "Is this Nextcloud's address, with its folder if it has one?")
}

// foreignRealm returns the realm of a password dialog that is not Nextcloud's, "" where there is none:
// status.php answers without a password.
func (e *examination) foreignRealm(ctx context.Context) string {
	answer, err := e.get(ctx, e.site.JoinPath("status.php"))
	if err != nil || answer.status != http.StatusUnauthorized {
		return ""
	}
	return realmOf(answer.header)
}

func realmOf(header http.Header) string {
	_, realm, found := strings.Cut(header.Get("WWW-Authenticate"), "realm=")
	if !found {
		return ""
	}
	realm, _, _ = strings.Cut(strings.Trim(realm, `"`), `"`)
	return realm
}

// answer is a page that was asked for.
type answer struct {
	status int
	header http.Header
	body   string
}

func (e *examination) get(ctx context.Context, at *url.URL) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return answer{}, err
	}
	response, err := e.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	return answer{response.StatusCode, response.Header, string(body)}, err
}

// fetchToken has Nextcloud make a pre-auth token.
func (e *examination) fetchToken(ctx context.Context) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.preAuth, nil)
	if err != nil {
		return "", err
	}
	request.SetBasicAuth(e.User, e.Password)
	request.Header.Set("OCS-APIRequest", "true")
	response, err := e.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	token, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s", e.preAuth, response.Status)
	}
	return strings.TrimSpace(string(token)), err
}

// customEvent is a notify_custom payload.
func customEvent(user, message string) []byte {
	payload, _ := json.Marshal(map[string]string{"user": user, "message": message}) // strings always encode
	return payload
}
