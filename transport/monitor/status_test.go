package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/transport"
)

const adminToken = "a token of enough characters"

// fakeSystem has users, each with one connection, and notes what is done to it. It can be asked by one page at a time.
type fakeSystem struct {
	mu    sync.Mutex
	users map[string]actors.Connection
	done  []string
	asked int // about single users
	err   error
}

func (f *fakeSystem) note(format string, arguments ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = append(f.done, strings.TrimSpace(fmt.Sprintf(format, arguments...)))
	return f.err
}

func (f *fakeSystem) actions() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.done...)
}

func (f *fakeSystem) Users(context.Context) (users []string, err error) {
	for user := range f.users {
		users = append(users, user)
	}
	return users, f.err
}

func (f *fakeSystem) Connections(_ context.Context, user string) ([]actors.Connection, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return []actors.Connection{f.users[user]}, f.err
}

func (f *fakeSystem) Disconnect(user string) error   { return f.note("disconnect %s", user) }
func (f *fakeSystem) ForgetLogins(user string) error { return f.note("forget %s", user) }
func (f *fakeSystem) DisconnectAll() error           { return f.note("disconnect all") }

// statusKit is a status page and what is behind it.
type statusKit struct {
	url    string
	system *fakeSystem
	status *Status
	source Source
}

func newStatus(t testing.TB, change func(*statusKit)) *statusKit {
	t.Helper()
	source := wellSource()
	kit := &statusKit{system: &fakeSystem{users: map[string]actors.Connection{}}}
	kit.status = &Status{
		System: kit.system, Log: zap.NewNop(), AppVersion: func() string { return "1.4.0" },
		Latencies: func() map[string]Latency {
			return map[string]Latency{"redis": {Took: 300 * time.Microsecond, At: time.Now().Add(-time.Minute)}}
		},
		Throttled: func(limit int) ([]transport.Throttled, int) {
			all := []transport.Throttled{{Address: "192.0.2.7", Failures: 12, Until: time.Now().Add(time.Minute)}}
			return all[:min(limit, 1)], 1
		},
		ClearRateLimit: func(address netip.Addr) bool {
			_ = kit.system.note("clear %s", address)
			return address.String() == "192.0.2.7"
		},
		LogLevel:    func() string { return "warn" },
		SetLogLevel: func(spec string) error { return kit.system.note("level %s", spec) },
		Drain:       func(on bool) error { return kit.system.note("drain %v", on) },
		AdminToken:  func() actors.Secret { return adminToken },
	}
	kit.source = source
	if change != nil {
		change(kit)
	}
	if kit.status.History == nil {
		kit.status.History = NewHistory(kit.source.Stats, kit.source.Problems)
	}
	kit.source.Status = kit.status
	kit.url = serveMonitor(t, kit.source)
	return kit
}

// call asks for a page below /api/. Headers are names and values; "Host" is one.
func (k *statusKit) call(t testing.TB, method, path, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, k.url+path, bytes.NewBufferString(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text), response.Header
}

func TestStatusReply(t *testing.T) {
	kit := newStatus(t, func(k *statusKit) {
		k.source.Problems = func() map[string]string { return map[string]string{"database": "no route to host"} }
		k.source.Warning = func() string { return "another Nextcloud" }
	})
	code, body, header := kit.call(t, "GET", "/api/status", "")
	require.Equal(t, 200, code)
	require.Equal(t, "no-store", header.Get("Cache-Control"))
	require.NotContains(t, body, adminToken)
	require.NotContains(t, body, "192.0.2.7")
	var reply StatusReply
	require.NoError(t, json.Unmarshal([]byte(body), &reply))
	require.False(t, reply.Ready)
	require.Nil(t, reply.ReadySince)
	require.True(t, reply.CanAct)
	require.Equal(t, []string{"9.8.7", "1.4.0", "warn"}, []string{reply.Version, reply.AppVersion, reply.LogLevel})
	require.Equal(t, "database", reply.Problems[0].Name)
	require.Equal(t, "no route to host", reply.Problems[0].Reason)
	require.Equal(t, "another Nextcloud", reply.Warning)
	require.WithinDuration(t, time.Now(), reply.Problems[0].Since, time.Minute)
	require.Equal(t, []string{"redis", "database", "nextcloud"}, []string{reply.Dependencies[0].Name, reply.Dependencies[1].Name, reply.Dependencies[2].Name})
	require.InDelta(t, 0.3, *reply.Dependencies[0].Latency, 0.001)
	require.False(t, reply.Dependencies[1].OK)
	require.Nil(t, reply.Dependencies[2].Latency)
	require.EqualValues(t, 1, reply.Now.Connections)
	require.Equal(t, Totals{Connections: 3, Events: 5, Pushes: 1000, Refused: 14, Resyncs: 8}, reply.Total)
	require.Equal(t, 1, reply.Throttled)
	require.Contains(t, body, `"servers":[]`)
}

func TestClientsArePagedAndSearched(t *testing.T) {
	kit := newStatus(t, func(k *statusKit) {
		for i := range 250 {
			user := fmt.Sprintf("user%03d", i)
			k.system.users[user] = actors.Connection{User: user}
		}
		k.system.users["Alice"] = actors.Connection{User: "Alice", Address: "192.0.2.1", UserAgent: "mirall", Since: time.Unix(1, 0), LastPush: time.Unix(2, 0)}
		k.system.users["malice"] = actors.Connection{User: "malice"}
	})
	get := func(query string) (reply ClientsReply) {
		kit.system.asked = 0
		code, body, _ := kit.call(t, "GET", "/api/clients?"+query, "")
		require.Equal(t, 200, code, body)
		require.NoError(t, json.Unmarshal([]byte(body), &reply))
		require.LessOrEqual(t, kit.system.asked, maxRows)
		return reply
	}
	reply := get("")
	require.Equal(t, []int{252, 0, 100, 100}, []int{reply.Users, reply.From, reply.Next, len(reply.Clients)})
	require.Equal(t, "192.0.2.7", reply.Throttled[0].Address)
	reply = get("from=200")
	require.Equal(t, []int{252, 200, 0, 52}, []int{reply.Users, reply.From, reply.Next, len(reply.Clients)})
	require.Empty(t, get("from=99999").Clients)
	require.Len(t, get("from=-5").Clients, 100)

	reply = get("search=aLICE")
	require.Len(t, reply.Clients, 2)
	last := time.Unix(2, 0)
	require.Equal(t, "malice", reply.Clients[1].User)
	require.True(t, reply.Clients[0].LastPush.Equal(last))
	require.Equal(t, []string{"Alice", "192.0.2.1", "mirall"}, []string{reply.Clients[0].User, reply.Clients[0].Address, reply.Clients[0].Program})
	require.Nil(t, reply.Clients[1].LastPush)
	require.Empty(t, get("search=nobody").Clients)

	kit.system.err = actors.ErrShutDown
	code, body, _ := kit.call(t, "GET", "/api/clients", "")
	require.Equal(t, 503, code)
	require.Contains(t, body, actors.ErrShutDown.Error())
}

// Names and addresses are for who is on the machine, or knows the token.
func TestClientsAreNotForEverybody(t *testing.T) {
	kit := newStatus(t, nil)
	for _, test := range []struct {
		headers []string
		code    int
	}{
		{nil, 200},
		{[]string{"Host", "localhost:7868"}, 200},
		{[]string{"Host", "[::1]:7868"}, 200},
		{[]string{"Host", "notify_push"}, 200},
		{[]string{"Host", "rebound.example.com"}, 401},
		{[]string{"Host", "rebound.example.com", TokenHeader, adminToken}, 200},
		{[]string{"X-Forwarded-For", "192.0.2.1"}, 401},
		{[]string{"X-Forwarded-For", "192.0.2.1", TokenHeader, "wrong"}, 401},
		{[]string{"X-Forwarded-For", "192.0.2.1", TokenHeader, adminToken}, 200},
	} {
		code, body, _ := kit.call(t, "GET", "/api/clients", "", test.headers...)
		require.Equal(t, test.code, code, "%v: %s", test.headers, body)
	}
	for remote, local := range map[string]bool{"127.0.0.1:5": true, "[::1]:5": true, "[::ffff:127.0.0.1]:5": true, "@": true, "": true, "192.0.2.1:5": false, "[2001:db8::1]:5": false} {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/", nil)
		r.RemoteAddr = remote
		require.Equal(t, local, isLocal(r), remote)
	}
}

func TestActionsWantTheToken(t *testing.T) {
	kit := newStatus(t, nil)
	for _, action := range []string{"disconnect", "forget-logins", "reset", "log-level", "clear-rate-limit", "drain"} {
		for _, headers := range [][]string{nil, {TokenHeader, ""}, {TokenHeader, adminToken + "x"}, {"Cookie", TokenHeader + "=" + adminToken}} {
			code, _, _ := kit.call(t, "POST", "/api/"+action, `{"user":"alice"}`, headers...)
			require.Equal(t, 401, code, action)
		}
		code, _, _ := kit.call(t, "GET", "/api/"+action, "", TokenHeader, adminToken)
		require.Equal(t, 405, code, action)
	}
	require.Empty(t, kit.system.actions())

	kit.status.AdminToken = func() actors.Secret { return "" }
	for _, headers := range [][]string{nil, {TokenHeader, ""}} {
		code, body, _ := kit.call(t, "POST", "/api/reset", `{}`, headers...)
		require.Equal(t, 403, code)
		require.Contains(t, body, "--admin-token")
	}
	require.Empty(t, kit.system.actions())
}

func TestActions(t *testing.T) {
	kit := newStatus(t, nil)
	for _, test := range []struct {
		path, body string
		code       int
		done       string
	}{
		{"disconnect", `{"user":"alice"}`, 200, "disconnect alice"},
		{"disconnect", `{}`, 400, ""},
		{"forget-logins", `{"user":"alice"}`, 200, "forget alice"},
		{"forget-logins", `{}`, 200, "forget"},
		{"reset", `{}`, 200, "disconnect all"},
		{"log-level", `{"level":"debug"}`, 200, "level debug"},
		{"clear-rate-limit", `{"address":"192.0.2.7"}`, 200, "clear 192.0.2.7"},
		{"clear-rate-limit", `{"address":"192.0.2.8"}`, 400, "clear 192.0.2.8"},
		{"clear-rate-limit", `{"address":"x"}`, 400, ""},
		{"drain", `{}`, 200, "drain true"},
		{"drain", `{"undo":true}`, 200, "drain false"},
		{"reset", `no`, 400, ""},
		{"reset", `{"user":"` + strings.Repeat("x", maxBody) + `"}`, 400, ""},
		{"explode", `{}`, 404, ""},
	} {
		kit.system.done = nil
		code, body, _ := kit.call(t, "POST", "/api/"+test.path, test.body, TokenHeader, adminToken)
		require.Equal(t, test.code, code, "%v: %s", test, body)
		require.Equal(t, test.done, strings.Join(kit.system.actions(), ", "))
	}
}

func TestThePageIsProtected(t *testing.T) {
	kit := newStatus(t, nil)
	for _, path := range []string{"/", "/status.css", "/status.js", "/icon.svg", "/api/status", "/api/clients"} {
		code, body, header := kit.call(t, "GET", path, "")
		require.Equal(t, 200, code, path)
		require.NotEmpty(t, body)
		require.Equal(t, policy, header.Get("Content-Security-Policy"), path)
		require.Equal(t, "no-store", header.Get("Cache-Control"), path)
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), path)
		require.Empty(t, header.Get("Access-Control-Allow-Origin"), path)
		require.Empty(t, header.Get("Set-Cookie"), path)
	}
	code, _, _ := kit.call(t, "GET", "/page/index.html", "")
	require.Equal(t, 404, code)
}
