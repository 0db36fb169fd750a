package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"
)

// Section 1: from PHP to the daemon.

func TestConformanceEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	s.addUser("12345")
	p := s.serveAtOnce()
	alice, bob, digits := p.loginForIDs("alice"), p.loginForIDs("bob"), p.loginForIDs("12345")
	for _, test := range []struct {
		name, channel, payload, push string
	}{
		{"file", "notify_storage_update", `{"storage":7,"path":"files/a.txt","file_id":42}`, "notify_file_id [42]"},
		{"largest file id", "notify_storage_update", `{"storage":7,"path":"files","file_id":18446744073709551615}`, "notify_file_id [18446744073709551615]"},
		{"numeric strings", "notify_storage_update", `{"storage":"7","path":"files/a.txt","file_id":"43"}`, "notify_file_id [43]"},
		{"group", "notify_group_membership_update", `{"user":"alice","group":"staff"}`, "notify_file"},
		{"share", "notify_user_share_created", `{"user":"alice"}`, "notify_file"},
		{"activity", "notify_activity", `{"user":"alice"}`, "notify_activity"},
		{"notification", "notify_notification", `{"user":"alice"}`, "notify_notification"},
		{"custom", "notify_custom", `{"user":"alice","message":"hello there"}`, "hello there"},
		{"custom with a body", "notify_custom", `{"user":"alice","message":"chat","body": {"z": 1.10, "a": [1e2, 12345678901234567890], "n": null}}`,
			`chat {"z":1.10,"a":[1e2,12345678901234567890],"n":null}`},
		{"custom with a body of null", "notify_custom", `{"user":"alice","message":"chat","body":null}`, "chat"},
		{"custom with a body of text", "notify_custom", `{"user":"alice","message":"chat","body":"hé"}`, `chat "hé"`},
		{"custom with a body of nothing much", "notify_custom", `{"user":"alice","message":"chat","body":0}`, "chat 0"},
		{"unknown field", "notify_activity", `{"user":"alice","by":"bob","at":{"user":"bob"}}`, "notify_activity"},
	} {
		require.Equal(t, 1, s.publish(test.channel, test.payload), "%s: one subscription hears it", test.name)
		require.Equal(t, test.push, alice.hear(), test.name)
	}

	s.publish("notify_activity", `{"user":12345}`)
	digits.expect("notify_activity") // PHP makes a number of such a user id

	s.publish("notify_custom", `{"user":"bob","message":"only for bob"}`)
	bob.expect("only for bob") // and nothing of all that was for alice
}

func TestConformanceCustomBodyIsCompact(t *testing.T) {
	t.Parallel()
	onlyHere(t) // key order and exact numbers
	s := newSite(t)
	p := s.serveAtOnce()
	alice := p.login("alice")
	s.publish("notify_custom", `{"user":"alice","message":"m","body":{"b" : -0.0 , "a":1E400,"b2":"\/\u00e9\n"}}`)
	alice.expect(`m {"b":-0.0,"a":1E400,"b2":"/é\n"}`)
}

// TestConformanceLargeCustomMessages sends what is larger than sockets take at once, and large in JSON alone.
func TestConformanceLargeCustomMessages(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	s.redis.Do("", "CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0") // a slow machine may take a minute over 8 MiB
	p := s.serveAtOnce()
	alice := p.login("alice")
	for _, size := range []int{1_200_000, 3_000_000, 8 << 20} {
		text := strings.Repeat("x", size)
		s.publish("notify_custom", `{"user":"alice","message":"`+text+`"}`)
		require.True(t, text == alice.hear(), "%d bytes", size)
	}
	s.publish("notify_custom", `{"user":"alice","message":"m","body":"`+strings.Repeat(`\u00fc`, 3_000_000)+`"}`)
	require.True(t, `m "`+strings.Repeat("ü", 3_000_000)+`"` == alice.hear())
	s.publish("notify_custom", `{"user":"alice","message":"`+strings.Repeat("x", 8<<20+1)+`"}`)
	s.publish("notify_custom", `{"user":"alice","message":"after it"}`)
	alice.expect("after it")
}

func TestConformanceOneSubscription(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.serve()
	subscribers, err := redis.String(s.redis.Do("", "CLIENT", "LIST", "TYPE", "pubsub"), nil)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(subscribers), "\n")
	require.Len(t, lines, 1)
	channels, err := redis.Strings(s.redis.Do("", "PUBSUB", "CHANNELS"), nil)
	require.NoError(t, err)
	wanted := []string{
		"notify_storage_update", "notify_group_membership_update", "notify_user_share_created", "notify_activity", "notify_notification",
		"notify_custom", "notify_pre_auth", "notify_test_cookie", "notify_config", "notify_query", "notify_signal",
	}
	if isOurs() { // and those of a patched app
		for _, name := range wanted[:11] {
			wanted = append(wanted, "0_"+name)
		}
	}
	require.ElementsMatch(t, wanted, channels)
	require.Contains(t, lines[0], fmt.Sprintf(" sub=%d ", len(wanted)))
}

func TestConformanceSubscribesAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serveAtOnce()
	alice := p.login("alice")
	s.redis.Do("", "CLIENT", "KILL", "TYPE", "pubsub")
	p.awaitSubscription()
	s.publish("notify_custom", `{"user":"alice","message":"heard again"}`)
	for text := ""; text != "heard again"; text = alice.hear() { // before it, there may be a refresh of each kind
		require.NotEqual(t, "authenticated", text)
	}
}

func TestConformanceMalformedPayloads(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	p := s.serveAtOnce()
	alice := p.loginForIDs("alice")
	malformed := []event{
		{"notify_storage_update", `{"storage":-1,"path":"files","file_id":1}`},
		{"notify_storage_update", `{"storage":null,"path":"files","file_id":1}`},
		{"notify_storage_update", `{"storage":7,"path":"files","file_id":-1}`},
		{"notify_storage_update", `{"storage":7,"path":"files","file_id":null}`},
		{"notify_storage_update", `{"storage":7`},
		{"notify_group_membership_update", `{"group":"staff"}`},
		{"notify_user_share_created", `[]`},
		{"notify_activity", `alice`},
		{"notify_activity", ``},
		{"notify_notification", `{"user":null}`},
		{"notify_custom", `{"user":"alice"}`},
		{"notify_pre_auth", `{"user":"alice"}`},
		{"notify_test_cookie", `-1`},
		{"notify_test_cookie", `4294967296`},
		{"notify_config", `"log_nonsense"`},
		{"notify_query", `"weather"`},
		{"notify_signal", `"quit"`},
		{"notify_signal", "\xff\xfe"},
	}
	for _, e := range malformed {
		s.publish(e.channel, e.payload)
	}
	s.publishAtOnce(fileEvent(7, "files", 5))
	alice.expect("notify_file_id [5]") // and nothing of the others has done anything
	p.awaitLog("notify_storage_update")
	if isOurs() {
		require.EqualValues(t, len(malformed), p.metric("notify_push_events_malformed_total"))
		require.EqualValues(t, len(malformed)+1, p.metric("event_count_total"))
	}
}

func TestConformanceTestCookieEvent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serve()
	s.setKey("test-token", "sesame")
	cookie := func() string { return p.request(http.MethodGet, "/test/cookie", "token", "sesame").body }
	require.Equal(t, "0", cookie())
	for _, number := range []string{"4294967295", "1"} {
		s.publish("notify_test_cookie", number)
		p.await("it remembers the cookie", func() bool { return cookie() == number })
	}
}

// TestConformanceLogLevels takes what is logged about users as the measure: nothing at warn, and something at debug.
func TestConformanceLogLevels(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serve("LOG=warn")
	visits := 0
	visit := func() (user string) {
		visits++
		user = fmt.Sprintf("user-%d-", visits)
		s.addUser(user)
		c := p.login(user)
		require.NoError(t, c.ws.Close(websocket.StatusNormalClosure, ""))
		p.awaitMetric("active_connection_count", 0)
		return user
	}
	set := func(payload string) {
		s.publish("notify_config", payload)
		// Events are dealt with in order.
		s.publish("notify_test_cookie", fmt.Sprint(visits+1))
		s.setKey("test-token", "sesame")
		p.await("the level is set", func() bool {
			return p.request(http.MethodGet, "/test/cookie", "token", "sesame").body == fmt.Sprint(visits+1)
		})
	}
	quiet := []string{visit()}
	set(`{"log_spec":"notify_push=debug"}`)
	p.awaitLog(visit())
	set(`{"log_spec":"error"}`)
	quiet = append(quiet, visit())
	set(`"log_restore"`)
	p.awaitLog(visit())
	set(`"log_restore"`)
	quiet = append(quiet, visit())
	set(`"log_restore"`) // one too many
	quiet = append(quiet, visit())
	set(`{"log_spec":"trace"}`)
	p.awaitLog(visit())
	for _, user := range quiet {
		require.NotContains(t, p.output.String(), user)
	}
}

func TestConformanceReset(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serve()
	clients := []*pushClient{p.login("alice"), p.login("alice"), p.login("bob")}
	s.publish("notify_signal", `"reset"`)
	for _, c := range clients {
		code := c.closed()
		if isOurs() {
			require.Equal(t, websocket.StatusServiceRestart, code)
		}
	}
	p.login("alice") // it still serves
}

// TestConformanceDatabaseIndex has keys in one database of Redis, and pub/sub in none.
func TestConformanceDatabaseIndex(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serveAtOnce("--redis-url", s.redis.URL()+"/3")
	alice := p.login("alice")
	s.publish("notify_activity", `{"user":"alice"}`)
	alice.expect("notify_activity")

	s.setKey("test-token", "of database 0")
	status := func(token string) int { return p.request(http.MethodGet, "/test/cookie", "token", token).status }
	require.GreaterOrEqual(t, status("of database 0"), 400)
	conn, err := redis.DialURL(s.redis.URL() + "/3")
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Do("SET", "test-token", "of database 3")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status("of database 3"))
}
