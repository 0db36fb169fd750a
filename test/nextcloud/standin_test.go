package nextcloud_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/storage"
)

// standIns hold the small Nextcloud of the demo and of other tests to the answers of this one.
var standIns = tests{
	"Answers":   (*installation).testStandInAnswers,
	"Throttled": (*installation).testStandInThrottled,
}

// question is a request for both.
type question struct {
	method, path   string
	user, password string
	header         []string
}

const (
	app             = "index.php/apps/notify_push/"
	capabilitiesURL = "ocs/v2.php/cloud/capabilities"
)

var fromAPI = []string{"OCS-APIRequest", "true"}

// keys reads and writes Redis as the app does.
func (i *installation) keys(t *testing.T) nextcloud.Redis {
	t.Helper()
	client, err := storage.NewRedis(storage.RedisOptions{Addresses: []string{i.redis.URL()}, Password: redisPassword, Database: redisDatabase})
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

// newStandIn is one with the account as its only user.
func (i *installation) newStandIn(t *testing.T, a *account) (cloud *nextcloud.Nextcloud, url string) {
	t.Helper()
	cloud = nextcloud.New(nextcloud.Options{
		Redis: i.keys(t), URL: i.url, PushURL: i.url + "/push", TrustedDomains: []string{"127.0.0.1"},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	})
	cloud.AddUser(nextcloud.User{ID: a.id, Password: a.password})
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	return cloud, server.URL
}

// ask sends a question and returns what both must agree about in the answer.
func (i *installation) ask(t *testing.T, url string, q question) string {
	t.Helper()
	request, err := http.NewRequest(q.method, url+"/"+q.path, nil)
	require.NoError(t, err)
	if q.user != "" {
		request.SetBasicAuth(q.user, q.password)
	}
	for k := 0; k < len(q.header); k += 2 {
		request.Header.Set(q.header[k], q.header[k+1])
		if q.header[k] == "Host" {
			request.Host = q.header[k+1]
		}
	}
	response, err := i.http.Transport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	got := fmt.Sprintf("%d %s %s", response.StatusCode, strings.ToLower(response.Header.Get("Content-Type")), essence(body))
	for _, name := range []string{"WWW-Authenticate", "Retry-After", "Location"} {
		if value := response.Header.Get(name); value != "" {
			got += fmt.Sprintf(" %s: %s", name, value)
		}
	}
	return got
}

// essence is what matters of a body: not the design of a page, the value of a token, or the capabilities of other apps.
func essence(body []byte) string {
	text := string(body)
	var api struct {
		OCS struct {
			Data struct {
				Version      json.RawMessage
				Capabilities map[string]json.RawMessage
			}
		}
	}
	var value any
	switch {
	case strings.Contains(text, "admin-trusted-domains"):
		return "page about trusted domains"
	case strings.HasPrefix(text, "<!DOCTYPE html>"):
		return "page"
	case strings.HasPrefix(text, "<?xml"):
		return "XML"
	case json.Unmarshal(body, &api) == nil && api.OCS.Data.Version != nil:
		return essence(api.OCS.Data.Version) + strings.ReplaceAll(essence(api.OCS.Data.Capabilities["notify_push"]), "/index.php/apps/", "/apps/")
	case json.Unmarshal(body, &value) == nil:
		sorted, _ := json.Marshal(value)
		return string(sorted)
	case len(text) > 25 && !strings.Contains(text, " "):
		return "token"
	default:
		return text
	}
}

// requireAgreement sends questions to both.
func (i *installation) requireAgreement(t *testing.T, standIn string, questions []question) {
	t.Helper()
	for _, q := range questions {
		assert.Equal(t, i.ask(t, i.url, q), i.ask(t, standIn, q), "%+v", q)
	}
}

func (i *installation) testStandInAnswers(t *testing.T) {
	alice := i.newAccount(t)
	cloud, standIn := i.newStandIn(t, alice)
	token, found, err := i.keys(t).Get(t.Context(), "test-token")
	require.NoError(t, err)
	require.True(t, found, "the self test leaves it")
	withToken := []string{"token", token}
	cookie := alice.send(t, http.MethodGet, app+"test/cookie", "", withToken...)
	number, err := strconv.ParseUint(cookie.body, 10, 32)
	require.NoError(t, err)
	cloud.SetCookie(uint32(number))

	var questions []question
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead} {
		for _, path := range []string{app + "uid", app + "pre_auth", "apps/notify_push/uid"} {
			questions = append(questions,
				question{method: method, path: path, user: alice.id, password: alice.password},
				question{method: method, path: path, user: strings.ToUpper(alice.id), password: alice.password},
				question{method: method, path: path, user: alice.id, password: "wrong"},
				question{method: method, path: path, user: "nobody", password: "wrong"},
				question{method: method, path: path})
		}
		for _, path := range []string{app + "test/cookie", app + "test/remote", app + "test/version"} {
			questions = append(questions,
				question{method: method, path: path},
				question{method: method, path: path, header: []string{"token", "wrong"}},
				question{method: method, path: path, header: withToken})
		}
		questions = append(questions, question{method: method, path: "status.php"})
	}
	for _, header := range [][]string{nil, fromAPI, {"OCS-APIRequest", "1", "Accept", "application/json"}} {
		for _, path := range []string{capabilitiesURL, capabilitiesURL + "?format=json"} {
			questions = append(questions,
				question{method: http.MethodGet, path: path, user: alice.id, password: alice.password, header: header},
				question{method: http.MethodGet, path: path, header: header})
		}
		questions = append(questions,
			question{method: http.MethodGet, path: capabilitiesURL + "?format=json", user: alice.id, password: "wrong", header: header})
	}
	for _, forwarded := range []string{"1.2.3.4", "1.2.3.4, 127.0.0.1", "6.6.6.6, 1.2.3.4", "2001:db8::1", "nonsense", "1.2.3.4:80", "[2001:db8::1]:80"} {
		questions = append(questions, question{method: http.MethodGet, path: app + "test/remote",
			header: append([]string{"X-Forwarded-For", forwarded}, withToken...)})
	}
	for _, path := range []string{app + "uid", app + "test/cookie", "status.php", "index.php/login"} {
		questions = append(questions, question{method: http.MethodGet, path: path, user: alice.id, password: alice.password,
			header: []string{"Host", "elsewhere.example"}})
	}
	questions = append(questions,
		question{method: http.MethodGet, path: app + "nothing"},
		question{method: http.MethodGet, path: "index.php/login"})
	i.requireAgreement(t, standIn, questions)
}

func (i *installation) testStandInThrottled(t *testing.T) {
	alice := i.newAccount(t)
	cloud, standIn := i.newStandIn(t, alice)
	cloud.Behave(nextcloud.Behaviour{Fault: nextcloud.FaultThrottled})
	address := i.newAddress()
	i.guess(t, address)
	from := []string{"X-Forwarded-For", address}
	i.requireAgreement(t, standIn, []question{
		{method: http.MethodGet, path: app + "uid", user: alice.id, password: alice.password, header: from},
		{method: http.MethodPost, path: app + "pre_auth", user: alice.id, password: alice.password, header: from},
		{method: http.MethodGet, path: capabilitiesURL + "?format=json", user: alice.id, password: alice.password, header: append(from, fromAPI...)},
		{method: http.MethodGet, path: app + "test/cookie", header: from},
		{method: http.MethodGet, path: app + "test/version", header: from},
		{method: http.MethodGet, path: "status.php", header: from},
	})
}

// testStandInMaintenance takes the installation away from everybody else.
func (i *installation) testStandInMaintenance(t *testing.T) {
	alice := i.newAccount(t)
	cloud, standIn := i.newStandIn(t, alice)
	cloud.Behave(nextcloud.Behaviour{Fault: nextcloud.FaultMaintenance})
	i.occ(t, "maintenance:mode", "--on")
	defer i.occ(t, "maintenance:mode", "--off")
	i.requireAgreement(t, standIn, []question{
		{method: http.MethodGet, path: app + "uid", user: alice.id, password: alice.password},
		{method: http.MethodPost, path: app + "pre_auth", user: alice.id, password: alice.password},
		{method: http.MethodGet, path: capabilitiesURL + "?format=json", user: alice.id, password: alice.password, header: fromAPI},
		{method: http.MethodGet, path: app + "test/cookie"},
		{method: http.MethodGet, path: app + "test/version"},
		{method: http.MethodGet, path: "status.php"},
	})
}
