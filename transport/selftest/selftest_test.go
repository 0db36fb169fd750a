package selftest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/notifypush/notifypush/transport"
	"github.com/notifypush/notifypush/transport/nextcloud"
	"github.com/stretchr/testify/require"
)

// keys are Redis's keys in memory. broken is what all calls return once it is set.
type keys struct {
	mu     sync.Mutex
	values map[string]string
	broken error
}

func (k *keys) Get(_ context.Context, key string) (string, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	value, found := k.values[key]
	return value, found, k.broken
}

func (k *keys) Set(_ context.Context, key, value string, _ time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.broken == nil {
		k.values[key] = value
	}
	return k.broken
}

func (k *keys) Delete(_ context.Context, key string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.values, key)
	return k.broken
}

// onlyReadable are keys that cannot be written.
type onlyReadable struct{ *keys }

func (onlyReadable) Set(context.Context, string, string, time.Duration) error {
	return errors.New("READONLY You can't write against a read only replica.")
}

// inspected is an actor system as the self test sees it.
type inspected struct {
	cookie uint32
	users  map[uint64]int // by storage; another storage is an error
}

func (i inspected) TestCookie() uint32 { return i.cookie }

func (i inspected) CountUsers(_ context.Context, storage uint64) (int, error) {
	if users, ok := i.users[storage]; ok {
		return users, nil
	}
	return 0, errors.New("the database is away")
}

const token = "the-token"

// app plays Nextcloud's side of the self test.
type app struct {
	keys    *keys
	version string
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch call := strings.TrimPrefix(r.URL.Path, "/index.php/apps/notify_push/"); {
	case call == "test/version":
		_ = a.keys.Set(r.Context(), keyAppVersion, a.version, 0)
	case r.Header.Get("token") != token:
		http.Error(w, "no", http.StatusForbidden)
	case call == "test/cookie":
		fmt.Fprint(w, "1234")
	case call == "test/remote":
		fmt.Fprint(w, r.Header.Get("X-Forwarded-For"))
	}
}

// newSelfTest serves a self test whose app is well; cloud, where not nil, answers in its place.
func newSelfTest(t testing.TB, cloud http.HandlerFunc) (url string, k *keys) {
	t.Helper()
	k = &keys{values: map[string]string{keyTestToken: token}}
	if cloud == nil {
		cloud = (&app{keys: k, version: "1.4.9"}).ServeHTTP
	}
	n := nextcloudAt(t, cloud)
	return serveSelfTest(t, Options{
		Keys:      k,
		System:    inspected{cookie: 4294967295, users: map[uint64]int{7: 3, 8: 0}},
		Nextcloud: n,
		Version:   NewAppVersion(k, n, nil),
	}), k
}

func serveSelfTest(t testing.TB, selfTest Options) (url string) {
	t.Helper()
	server := httptest.NewServer(transport.NewHandler(http.NotFoundHandler(), New(selfTest), "9.8.7"))
	t.Cleanup(server.Close)
	return server.URL
}

func TestSelfTest(t *testing.T) {
	url, _ := newSelfTest(t, nil)
	for _, test := range []struct {
		request string
		status  int
		body    string
	}{
		{"GET /test/cookie", 200, "4294967295"},
		{"GET /push/test/cookie", 200, "4294967295"},
		{"GET /test/reverse_cookie", 200, "1234"},
		{"GET /test/mapping/7", 200, "3"},
		{"GET /push/test/mapping/7", 200, "3"},
		{"GET /test/mapping/8", 200, "0"},
		{"GET /test/mapping/9", 500, "count the users of the storage: the database is away\n"},
		{"GET /test/mapping/-1", 400, "invalid storage: want a number from 0 to 18446744073709551615\n"},
		{"GET /test/mapping/18446744073709551616", 400, "invalid storage: want a number from 0 to 18446744073709551615\n"},
		{"GET /test/mapping/x", 400, "invalid storage: want a number from 0 to 18446744073709551615\n"},
		{"GET /test/remote/1.2.3.4", 200, "1.2.3.4"},
		{"GET /test/remote/2001:db8::1", 200, "2001:db8::1"},
		{"GET /test/remote/localhost", 400, "invalid IP address: want one such as 192.0.2.1\n"},
		{"GET /test/remote/1.2.3.4%0d%0aX:y", 400, "invalid IP address: want one such as 192.0.2.1\n"},
		{"GET /test/remote/fe80::1%25eth0", 400, "invalid IP address: want one such as 192.0.2.1\n"},
		{"POST /test/cookie", 404, "404 page not found\n"},
		{"GET /test/version", 404, "404 page not found\n"},
		{"GET /test/other", 404, "404 page not found\n"},
		{"POST /test/version", 200, "set"},
		{"POST /push/test/version", 200, "set"},
	} {
		t.Run(test.request, func(t *testing.T) {
			method, path, _ := strings.Cut(test.request, " ")
			got := testkit.Request(t, method, url+path, "token", token)
			require.Equal(t, test.status, got.Status)
			require.Equal(t, test.body, got.Body)
			require.Equal(t, "text/plain; charset=utf-8", got.Header.Get("Content-Type"))
		})
	}
}

func TestSelfTestIsClosedToOthers(t *testing.T) {
	requests := []string{
		"GET /test/cookie", "GET /test/reverse_cookie", "GET /test/mapping/7", "GET /test/remote/1.2.3.4", "POST /test/version", "GET /push/test/mapping/7",
	}
	for _, test := range []struct {
		name, stored, shown string
		redisIsAway         bool
		status              int
		body                string
	}{
		{"no token", token, "", false, 403, "header token missing\n"},
		{"a wrong token", token, "another", false, 403, "wrong token\n"},
		{"half the token", token, token[:4], false, 403, "wrong token\n"},
		{"no token in Redis", "", "", false, 403, "header token missing\n"},
		{"any token, none in Redis", "", "any", false, 403, "wrong token\n"},
		{"Redis is away", token, token, true, 503, "token not checked: Redis is unavailable\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			url, k := newSelfTest(t, func(http.ResponseWriter, *http.Request) { t.Error("Nextcloud was asked") })
			k.values[keyTestToken] = test.stored
			if test.redisIsAway {
				k.broken = errors.New("dial redis.internal:6379: refused")
			}
			for _, one := range requests {
				if one == "GET /test/cookie" && test.shown == "" {
					continue // the exception, see below
				}
				method, path, _ := strings.Cut(one, " ")
				got := testkit.Request(t, method, url+path, "token", test.shown)
				require.Equal(t, test.status, got.Status, one)
				require.Equal(t, test.body, got.Body, one)
			}
			require.NotContains(t, k.values, keyVersion)
		})
	}
	t.Run("an absent key", func(t *testing.T) {
		url, k := newSelfTest(t, nil)
		delete(k.values, keyTestToken)
		for _, shown := range []string{"", token} {
			require.Equal(t, 403, testkit.Request(t, "GET", url+"/test/mapping/7", "token", shown).Status)
		}
	})
}

// The setup wizard looks for a push server without a token, and wants to see a number.
func TestCookieWithoutToken(t *testing.T) {
	url, k := newSelfTest(t, nil)
	for _, broken := range []error{nil, errors.New("Redis is away")} {
		k.broken = broken
		for _, path := range []string{"/test/cookie", "/push/test/cookie"} {
			got := testkit.Request(t, "GET", url+path)
			require.Equal(t, 200, got.Status)
			require.Equal(t, "0", got.Body, "and not the cookie")
		}
	}
}

func TestSelfTestTellsWhyNextcloudFails(t *testing.T) {
	for _, path := range []string{"/test/reverse_cookie", "/test/remote/1.2.3.4"} {
		url, _ := newSelfTest(t, says(http.StatusBadRequest, "admin-trusted-domains"))
		got := testkit.Request(t, "GET", url+path, "token", token)
		require.Equal(t, 200, got.Status, "the app shows only the text of a success")
		require.Equal(t, "127.0.0.1 is not configured as a trusted domain for the nextcloud server", got.Body)

		url, _ = newSelfTest(t, says(http.StatusInternalServerError, ""))
		require.Contains(t, testkit.Request(t, "GET", url+path, "token", token).Body, "Nextcloud answered 500 Internal Server Error: GET http://127.0.0.1:")
	}
}

func TestVersionThatCannotBeWritten(t *testing.T) {
	k := &keys{values: map[string]string{keyTestToken: token}}
	n := nextcloudAt(t, says(200, ""))
	url := serveSelfTest(t, Options{Keys: onlyReadable{k}, Nextcloud: n, Version: NewAppVersion(k, n, nil)})
	got := testkit.Request(t, "POST", url+"/test/version", "token", token)
	require.Equal(t, 200, got.Status)
	require.Equal(t, "error", got.Body)
}

// nextcloudAt returns the client of a Nextcloud that answers with handler.
func nextcloudAt(t testing.TB, handler http.HandlerFunc) *nextcloud.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := nextcloud.New(nextcloud.Options{BaseURL: server.URL + "/", Timeout: time.Minute})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func TestClientOfRequest(t *testing.T) {
	url, _ := newSelfTest(t, nil)
	require.Contains(t, testkit.Request(t, "GET", url+"/push/test/client").Body, `{"forwarded":false,"inner":false,"time":`)
	require.Contains(t, testkit.Request(t, "GET", url+"/push/test/client", "X-Forwarded-For", "192.0.2.1, 172.18.0.1").Body, `{"forwarded":true,"inner":true,"time":`)
	require.Contains(t, testkit.Request(t, "GET", url+"/push/test/client", "X-Forwarded-For", "172.18.0.1, 192.0.2.1").Body, `{"forwarded":true,"inner":false,"time":`)
}
