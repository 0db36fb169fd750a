package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/notifypush/notifypush/internal/realm"
)

// Capability is what Nextcloud tells its clients about push.
type Capability struct {
	// Types are the kinds of pushes, in the app's words: files, activities, notifications.
	Types     []string  `json:"type"`
	Endpoints Endpoints `json:"endpoints"`
}

// Endpoints are the addresses that clients need.
type Endpoints struct {
	// Websocket is the push server's address; its scheme is ws or wss.
	Websocket string `json:"websocket"`
	// PreAuth is where Nextcloud gives tokens; empty for apps that are too old.
	PreAuth string `json:"pre_auth"`
}

// The answer with all apps' capabilities is some tens of KiB.
const maxAnswer = 4 << 20

// Discover asks opts.Nextcloud for its push server. It fails with [ErrNoPush] when there is none,
// [ErrInvalidCredentials] when Nextcloud does not accept user and password, and a [*StatusError] when it answers anything
// else. Nextcloud shows this capability only to users who are logged in. With an [*UnsafeEndpointError], which opts.Insecure rules out, the
// capability is returned, too.
func Discover(ctx context.Context, opts Options) (Capability, error) {
	opts, err := opts.withCredentials(ctx)
	if err != nil {
		return Capability{}, err
	}
	base, err := parseNextcloud(opts.Nextcloud)
	if err != nil {
		return Capability{}, err
	}
	address := base.JoinPath("ocs/v2.php/cloud/capabilities")
	address.RawQuery = "format=json"

	body, err := ask(ctx, opts, RequestCapabilities, http.MethodGet, address.String())
	if err != nil {
		return Capability{}, err
	}
	capability, err := parseCapabilities(body)
	if errors.Is(err, errNotLoggedIn) {
		err = ErrNoPush
		if opts.User != "" {
			err = fmt.Errorf("Nextcloud shows them as to somebody who is not logged in: %w", ErrInvalidCredentials) //nolint:staticcheck // a name
		}
	}
	if err != nil {
		return Capability{}, fmt.Errorf("capabilities from %s: %w", address.Redacted(), err)
	}
	if opts.Insecure {
		return capability, nil
	}
	err = checkEndpoint(base, RequestWebsocket, capability.Endpoints.Websocket)
	if err == nil && opts.PreAuth {
		err = checkEndpoint(base, RequestPreAuth, capability.Endpoints.PreAuth)
	}
	return capability, err
}

// checkEndpoint refuses what an https Nextcloud must not name. An address that cannot be read is refused where it is used.
func checkEndpoint(nextcloud *url.URL, request Request, text string) error {
	endpoint, err := url.Parse(text)
	if err != nil || text == "" || nextcloud.Scheme != "https" {
		return nil //nolint:nilerr // see above
	}
	plain := endpoint.Scheme == "ws" || endpoint.Scheme == "http"
	local := isLocal(endpoint.Hostname()) && !isLocal(nextcloud.Hostname())
	if !plain && !local {
		return nil
	}
	public := &url.URL{Scheme: nextcloud.Scheme, Host: nextcloud.Host, Path: nextcloud.Path}
	return &UnsafeEndpointError{Nextcloud: public.String(), Request: request, Endpoint: endpoint.Redacted(), Local: !plain}
}

func isLocal(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && (address.IsLoopback() || address.IsUnspecified())
}

// fetchToken has Nextcloud make a token for one login.
func fetchToken(ctx context.Context, opts Options, endpoint string) (string, error) {
	if endpoint == "" {
		return "", errors.New("the capabilities name no address for tokens: update the notify_push app, or log in with the password")
	}
	body, err := ask(ctx, opts, RequestPreAuth, http.MethodPost, endpoint)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(body))
	if token == "" {
		return "", fmt.Errorf("the token from %s is empty", endpoint)
	}
	return token, nil
}

func parseNextcloud(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	address, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("address of Nextcloud: it cannot be parsed; write one like https://cloud.example.com") // it may hold a password
	}
	if address.Scheme != "http" && address.Scheme != "https" || address.Host == "" {
		return nil, errors.New("address of Nextcloud: it is not like https://cloud.example.com")
	}
	return address, nil
}

func ask(ctx context.Context, opts Options, request Request, method, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask Nextcloud for the %s: %w", request, err)
	}
	fail := func(err error) error {
		return fmt.Errorf("ask Nextcloud for the %s at %s: %w", request, req.URL.Redacted(), cause(err))
	}
	req.Header.Set("OCS-APIRequest", "true")
	req.Header.Set("Accept", "application/json")
	if opts.User != "" {
		req.SetBasicAuth(opts.User, opts.Password)
	}

	response, err := opts.httpClient().Do(req)
	if err != nil {
		return nil, fail(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	_, isForeign := realm.Foreign(response.Header, body)
	switch {
	case err != nil:
		return nil, fail(err)
	case response.StatusCode == http.StatusUnauthorized && !isForeign:
		return nil, fail(ErrInvalidCredentials)
	case response.StatusCode != http.StatusOK:
		return nil, newStatusError(request, req.URL.Redacted(), response, body)
	}
	return body, nil
}

// errNotLoggedIn means that the capabilities are those that Nextcloud shows to everybody. That is its answer, too, to the
// right password of a user who needs a second factor.
var errNotLoggedIn = errors.New("these capabilities are shown to everybody")

func parseCapabilities(body []byte) (Capability, error) {
	var answer struct {
		OCS struct {
			Data struct {
				Capabilities json.RawMessage `json:"capabilities"`
			} `json:"data"`
		} `json:"ocs"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return Capability{}, fmt.Errorf("not the answer of a Nextcloud: %w", err)
	}
	all := answer.OCS.Data.Capabilities
	if len(all) == 0 {
		return Capability{}, errors.New("not the answer of a Nextcloud: it holds no capabilities")
	}

	// PHP writes a map without entries as a list.
	if string(all) == "[]" {
		return Capability{}, ErrNoPush
	}
	var capabilities struct {
		Core       json.RawMessage `json:"core"`
		NotifyPush *Capability     `json:"notify_push"`
	}
	if err := json.Unmarshal(all, &capabilities); err != nil {
		return Capability{}, fmt.Errorf("notify_push: %w", err)
	}
	switch push := capabilities.NotifyPush; {
	case push == nil && capabilities.Core == nil:
		return Capability{}, errNotLoggedIn
	case push == nil || push.Endpoints.Websocket == "":
		return Capability{}, ErrNoPush
	default:
		return *push, nil
	}
}
