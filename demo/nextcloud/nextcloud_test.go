package nextcloud

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a Redis that keeps what was published and set.
type recorder struct {
	published map[string]string
	keys      map[string]string
}

func (r *recorder) Publish(_ context.Context, channel string, payload []byte) (int, error) {
	r.published[channel] = string(payload)
	return 1, nil
}

func (r *recorder) Get(_ context.Context, key string) (string, bool, error) {
	value, found := r.keys[key]
	return value, found, nil
}

func (r *recorder) Set(_ context.Context, key, value string, _ time.Duration) error {
	r.keys[key] = value
	return nil
}

// start serves a Nextcloud with one user on loopback.
func start(t *testing.T, options Options) (*Nextcloud, *recorder, *httptest.Server) {
	redis := &recorder{published: map[string]string{}, keys: map[string]string{"test-token": "sesame"}}
	options.Redis = redis
	n := New(options)
	n.AddUser(User{ID: "alice", Password: "secret", Logins: []string{"alice@example.org"}})
	server := httptest.NewServer(n)
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return n, redis, server
}

// ask sends a request that change has adapted, and reads the whole answer.
func ask(t *testing.T, method, url string, change func(*http.Request)) (int, string) {
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	if change != nil {
		change(r)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(body)
}

func as(name, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(name, password) }
}

const app = "/index.php/apps/notify_push/"

func TestLoginAnswersTheUserID(t *testing.T) {
	n, _, server := start(t, Options{})
	for _, test := range []struct {
		name, password string
		status         int
		body           string
	}{
		{"alice", "secret", 200, "alice"},
		{"alice@example.org", "secret", 200, "alice"},
		{"Alice", "secret", 200, "alice"},
		{"alice", "wrong", 401, `{"message":""}`},
		{"nobody", "secret", 401, `{"message":""}`},
	} {
		status, body := ask(t, "GET", server.URL+app+"uid", as(test.name, test.password))
		require.Equal(t, test.status, status, test.name)
		require.Equal(t, test.body, body, test.name)
	}
	status, _ := ask(t, "GET", server.URL+app+"uid", nil)
	require.Equal(t, 401, status)

	stats := n.Stats()
	require.Equal(t, map[string]int{app + "uid": 5}, stats.Logins, "a request without a password is no login")
	require.Equal(t, 2, stats.Refused)
	require.Equal(t, 1, stats.MostInFlight)

	n.ResetStats()
	require.Empty(t, n.Stats().Logins)
}

func TestPreAuthPublishesTheToken(t *testing.T) {
	_, redis, server := start(t, Options{})
	status, token := ask(t, "POST", server.URL+app+"pre_auth", as("alice@example.org", "secret"))
	require.Equal(t, 200, status)
	require.GreaterOrEqual(t, len(token), 26)
	require.JSONEq(t, `{"user":"alice","token":"`+token+`"}`, redis.published["notify_pre_auth"])
}

func TestCapabilities(t *testing.T) {
	options := Options{URL: "https://cloud.example", PushURL: "https://cloud.example/push"}
	_, _, server := start(t, options)
	url := server.URL + "/ocs/v2.php/cloud/capabilities"
	api := func(r *http.Request) {
		r.SetBasicAuth("alice", "secret")
		r.Header.Set("OCS-APIRequest", "true")
	}

	status, body := ask(t, "GET", url+"?format=json", api)
	require.Equal(t, 200, status)
	var answer struct {
		OCS struct {
			Data struct {
				Capabilities struct {
					Push json.RawMessage `json:"notify_push"`
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	require.JSONEq(t, `{"type":["files","activities","notifications"],"endpoints":{"websocket":"wss://cloud.example/push/ws",
		"pre_auth":"https://cloud.example/index.php/apps/notify_push/pre_auth"}}`, string(answer.OCS.Data.Capabilities.Push))

	status, body = ask(t, "GET", url, api)
	require.Equal(t, 200, status)
	require.True(t, strings.HasPrefix(body, "<?xml"), "without a format the answer is XML")

	status, _ = ask(t, "GET", url+"?format=json", as("alice", "secret"))
	require.Equal(t, 412, status, "without OCS-APIRequest")

	status, _ = ask(t, "GET", url+"?format=json", func(r *http.Request) {
		api(r)
		r.SetBasicAuth("alice", "wrong")
	})
	require.Equal(t, 401, status)

	status, body = ask(t, "GET", url+"?format=json", func(r *http.Request) { r.Header.Set("OCS-APIRequest", "true") })
	require.Equal(t, 200, status)
	require.NotContains(t, body, "notify_push", "only users learn of it")
}

func TestSelfTestRoutes(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	n, redis, server := start(t, Options{TrustedProxies: loopback})

	for _, route := range []string{"test/cookie", "test/remote"} {
		for _, token := range []string{"", "wrong"} {
			status, body := ask(t, "GET", server.URL+app+route, func(r *http.Request) { r.Header.Set("token", token) })
			require.Equal(t, 403, status)
			require.Empty(t, body)
		}
	}
	withToken := func(r *http.Request) { r.Header.Set("token", "sesame") }
	n.SetCookie(4294967295)
	_, body := ask(t, "GET", server.URL+app+"test/cookie", withToken)
	require.Equal(t, "4294967295", body)

	_, body = ask(t, "GET", server.URL+app+"test/remote", func(r *http.Request) {
		withToken(r)
		r.Header.Set("X-Forwarded-For", "1.2.3.4, 127.0.0.1")
	})
	require.Equal(t, "1.2.3.4", body)
	require.Equal(t, "1.2.3.4, 127.0.0.1", redis.keys["notify_push_forwarded_header"])
	require.Equal(t, "127.0.0.1", redis.keys["notify_push_remote"])

	ask(t, "GET", server.URL+app+"test/version", nil)
	require.Equal(t, "1.4.0", redis.keys["notify_push_app_version"])
}

func TestUntrustedDomain(t *testing.T) {
	_, _, server := start(t, Options{TrustedDomains: []string{"cloud.example"}})
	status, body := ask(t, "GET", server.URL+app+"test/cookie", nil)
	require.Equal(t, 400, status)
	require.Contains(t, body, "admin-trusted-domains")

	status, _ = ask(t, "GET", server.URL+app+"test/cookie", func(r *http.Request) { r.Host = "cloud.example:8443" })
	require.Equal(t, 403, status, "the app's answer")
}

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	for _, test := range []struct{ peer, forwarded, want string }{
		{"127.0.0.1", "", "127.0.0.1"},
		{"127.0.0.1", "1.2.3.4", "1.2.3.4"},
		{"127.0.0.1", "6.6.6.6, 1.2.3.4, 10.1.2.3", "1.2.3.4"},
		{"127.0.0.1", "1.2.3.4:5678", "1.2.3.4"},
		{"127.0.0.1", "[2001:db8::1]:80", "2001:db8::1"},
		{"127.0.0.1", "[2001:db8::1]", "2001:db8::1"},
		{"127.0.0.1", "2001:db8::1", "2001:db8::1"},
		{"127.0.0.1", "nonsense, 1.2.3.4", "1.2.3.4"},
		{"127.0.0.1", "nonsense", "127.0.0.1"},
		{"127.0.0.1", "10.1.2.3", "127.0.0.1"},
		{"192.0.2.1", "1.2.3.4", "192.0.2.1"},
		{"::ffff:127.0.0.1", "1.2.3.4", "::ffff:127.0.0.1"},
		{"", "1.2.3.4", ""},
	} {
		require.Equal(t, test.want, clientAddress(test.peer, test.forwarded, trusted), "%+v", test)
	}
}

func TestFaults(t *testing.T) {
	n, _, server := start(t, Options{})
	for name, test := range map[string]struct {
		fault  Fault
		status int
		body   string // its beginning
		length int    // of the body; 0: not looked at
	}{
		"none":        {FaultNone, 200, "alice", 5},
		"error":       {FaultError, 500, "Internal Server Error", 0},
		"maintenance": {FaultMaintenance, 503, "<!DOCTYPE html>", 0},
		"html":        {FaultHTML, 200, "<!DOCTYPE html>", 0},
		"redirect":    {FaultRedirect, 302, "", 0},
		"empty":       {FaultEmpty, 200, "", 0},
		"huge":        {FaultHuge, 200, "aaaa", 5 << 20},
		"denied":      {FaultDenied, 401, `{"message"`, 0},
		"throttled":   {FaultThrottled, 429, `{"message"`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			n.Behave(Behaviour{Fault: test.fault})
			status, body := ask(t, "GET", server.URL+app+"uid", as("alice", "secret"))
			require.Equal(t, test.status, status)
			require.True(t, strings.HasPrefix(body, test.body), "%.40q", body)
			if test.length > 0 {
				require.Len(t, body, test.length)
			}
		})
	}
	n.Behave(Behaviour{Fault: FaultRedirect})
	status, _ := ask(t, "GET", server.URL+"/index.php/login", nil)
	require.Equal(t, 200, status, "the redirect leads somewhere")
}

func TestSlowBodyNeverEnds(t *testing.T) {
	n, _, server := start(t, Options{})
	n.Behave(Behaviour{Fault: FaultSlowBody})
	answer, err := http.Get(server.URL + app + "uid")
	require.NoError(t, err)
	_, err = io.ReadFull(answer.Body, make([]byte, 3))
	require.NoError(t, err)
	require.Equal(t, 1, n.Stats().InFlight)
	require.NoError(t, answer.Body.Close())
}

func TestRequestsBeyondTheWorkersQueue(t *testing.T) {
	for _, test := range []struct {
		workers int
		want    time.Duration
	}{{0, 2 * time.Second}, {1, 10 * time.Second}, {2, 6 * time.Second}, {5, 2 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			n := New(Options{})
			n.Behave(Behaviour{Delay: 2 * time.Second, Workers: test.workers})
			began := time.Now()
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() {
					n.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, app+"test/cookie", nil))
				})
			}
			all.Wait()
			require.Equal(t, test.want, time.Since(began), "%d workers", test.workers)
			require.Equal(t, 5, n.Stats().MostInFlight)
		})
	}
}

func TestAClientThatGivesUpFreesItsWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Options{})
		n.Behave(Behaviour{Delay: time.Hour, Workers: 1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 2 {
			n.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", app+"test/cookie", nil))
		}
		require.Zero(t, n.Stats().InFlight)
	})
}

func TestEvents(t *testing.T) {
	n, redis, _ := start(t, Options{})
	ctx := t.Context()
	require.NoError(t, n.ChangeFile(ctx, 3, "files/a b", 42))
	require.NoError(t, n.CreateShare(ctx, "bob"))
	require.NoError(t, n.CreateActivity(ctx, "bob"))
	require.NoError(t, n.CreateNotification(ctx, "bob"))
	require.NoError(t, n.SendCustom(ctx, "bob", "hello", []int{1}))
	for channel, want := range map[string]string{
		"notify_storage_update":     `{"storage":3,"path":"files/a b","file_id":42}`,
		"notify_user_share_created": `{"user":"bob"}`,
		"notify_activity":           `{"user":"bob"}`,
		"notify_notification":       `{"user":"bob"}`,
		"notify_custom":             `{"user":"bob","message":"hello","body":[1]}`,
	} {
		require.JSONEq(t, want, redis.published[channel], channel)
	}
	require.NoError(t, n.SendCustom(ctx, "bob", "hello", nil))
	require.JSONEq(t, `{"user":"bob","message":"hello"}`, redis.published["notify_custom"])
}
