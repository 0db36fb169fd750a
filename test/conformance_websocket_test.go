package test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/notifypush/notifypush/transport/frame"
)

// Section 2: from the client to the daemon.

func TestConformanceWebsocketPaths(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serve()
	for _, path := range []string{"/ws", "//ws", "/push/ws", "/push//ws", "/nextcloud/push/ws"} {
		p.dial(path).logIn("alice", passwordOf("alice"))
	}
	require.GreaterOrEqual(t, p.request(http.MethodGet, "/nothing").status, 400)
}

func TestConformanceAnyOrigin(t *testing.T) {
	t.Parallel()
	p := newSite(t).serve()
	p.dial("/ws", "Origin", "https://elsewhere.example").logIn("alice", passwordOf("alice"))
	got := p.request(http.MethodGet, "/test/cookie", "Origin", "https://elsewhere.example")
	require.Contains(t, []string{"*", "https://elsewhere.example"}, got.header.Get("Access-Control-Allow-Origin"))
}

func TestConformanceNoSubprotocolNorCompression(t *testing.T) {
	t.Parallel()
	p := newSite(t).serve()
	c, response := dialEndpoint(t, endpoint{network: "tcp", address: p.address(), url: "ws://" + p.address() + "/ws", options: websocket.DialOptions{
		Subprotocols:    []string{"graphql-ws", "chat"},
		CompressionMode: websocket.CompressionContextTakeover,
	}})
	require.Empty(t, response.Header.Values("Sec-WebSocket-Protocol"))
	require.Empty(t, response.Header.Values("Sec-WebSocket-Extensions"))
	c.logIn("alice", passwordOf("alice"))
}

func TestConformancePlainRequestLearnsWhatIsMissing(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	p := newSite(t).serve()
	for missing, headers := range map[string][]string{
		"Upgrade: websocket":        {"Connection", "Upgrade", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
		"Connection: Upgrade":       {"Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
		"Sec-WebSocket-Version: 13": {"Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
		"Sec-WebSocket-Key":         {"Upgrade", "websocket", "Connection", "Upgrade", "Sec-WebSocket-Version", "13"},
	} {
		got := p.request(http.MethodGet, "/push/ws", headers...)
		require.Equal(t, http.StatusUpgradeRequired, got.status)
		require.Contains(t, got.body, missing)
		require.Equal(t, 1, strings.Count(got.body, "\n"), "one line")
	}
	require.Contains(t, p.request(http.MethodGet, "/ws").body, "Upgrade: websocket")
}

// TestConformanceOneSegment sends everything before the handshake's response can have been read.
func TestConformanceOneSegment(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serveAtOnce()
	c := p.open(textFrame("alice"), textFrame(passwordOf("alice")))
	c.expectText("authenticated")
	s.publish("notify_activity", `{"user":"alice"}`)
	c.expectText("notify_activity")
}

// TestConformanceManyWordsBehindTheLogin is about web pages, which say at once what all of their apps listen for.
func TestConformanceManyWordsBehindTheLogin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	p := s.serveAtOnce()
	frames := [][]byte{textFrame("alice"), textFrame(passwordOf("alice"))}
	for i := range 100 {
		frames = append(frames, textFrame(fmt.Sprint("listen notify_of_app_", i)))
	}
	c := p.open(append(frames, textFrame("listen notify_file_id"))...)
	c.expectText("authenticated")
	c.send(testkit.ClientFrame(testkit.Final|byte(frame.Ping), "heard all?"))
	opcode, _ := c.frame()
	require.Equal(t, frame.Pong, opcode)
	s.publishAtOnce(fileEvent(7, "files", 42))
	c.expectText("notify_file_id [42]")
}

func TestConformanceLoginIsTrimmed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serve()
	p.dial("/ws").logIn(" alice\r\n", "\t"+passwordOf("alice")+" \n")
	require.Equal(t, "alice", s.asked("uid")[0].user)
	require.Equal(t, passwordOf("alice"), s.asked("uid")[0].password)
}

func TestConformancePreAuthTokens(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serveAtOnce()
	issue := func(user, token string) {
		t.Helper()
		s.publish("notify_pre_auth", fmt.Sprintf(`{"user":%q,"token":%q}`, user, token))
		s.publish("notify_test_cookie", "1")
		p.await("the token has arrived", func() bool { return p.metric("event_count_total") >= 2 })
	}
	issue("alice", "ticket")
	issue("bob", "other ticket")

	alice := p.dial("/ws")
	alice.logIn("", "ticket")
	bob := p.dial("/ws")
	bob.logIn("alice", "other ticket") // whatever the user name says
	require.Empty(t, s.asked("uid"))
	s.publish("notify_custom", `{"user":"bob","message":"for bob"}`)
	bob.expect("for bob")
	s.publish("notify_custom", `{"user":"alice","message":"for alice"}`)
	alice.expect("for alice")

	text := p.loginRefused("", "ticket") // it is gone
	require.Equal(t, "err: Invalid credentials", text)
	text = p.loginRefused("alice", "other ticket")
	require.Equal(t, "err: Invalid credentials", text)
	require.Len(t, s.asked("uid"), 1, "with a user name, Nextcloud is asked")
}

func TestConformanceRefusedLogins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serve()
	const failed = "err: Error while sending authentication request to nextcloud: "
	for _, test := range []struct {
		name, user, password, says string
		fault                      nextcloud.Fault
	}{
		{"wrong password", "alice", "wrong", "err: Invalid credentials", nextcloud.FaultNone},
		{"unknown user", "mallory", "wrong", "err: Invalid credentials", nextcloud.FaultNone},
		{"no user name, no token", "", "unknown", "err: Invalid credentials", nextcloud.FaultNone},
		{"nothing", "", "", "err: Invalid credentials", nextcloud.FaultNone},
		{"500", "alice", "1", failed, nextcloud.FaultError},
		{"503", "alice", "2", failed, nextcloud.FaultMaintenance},
	} {
		s.cloud.Behave(nextcloud.Behaviour{Fault: test.fault})
		text := p.loginRefused(test.user, test.password)
		if test.says == failed {
			require.True(t, strings.HasPrefix(text, failed), "%s: %s", test.name, text)
			require.Greater(t, len(text), len(failed), test.name)
		} else {
			require.Equal(t, test.says, text, test.name)
		}
	}
}

func TestConformanceNextcloudUnreachableOr4xx(t *testing.T) {
	t.Parallel()
	refusing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(refusing.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	s := newSite(t)
	for name, url := range map[string]string{"404": refusing.URL, "unreachable": closed.URL} {
		text := s.serve("--nextcloud-url", url).loginRefused("alice", passwordOf("alice"))
		require.True(t, strings.HasPrefix(text, "err: Error while sending authentication request to nextcloud: "), "%s: %s", name, text)
	}
}

func TestConformanceInvalidLoginMessage(t *testing.T) {
	t.Parallel()
	p := newSite(t).serve()
	binary := testkit.ClientFrame(testkit.Final|byte(frame.Binary), "alice")
	for _, frames := range [][][]byte{{binary}, {textFrame("alice"), binary}} {
		c := p.open(frames...)
		c.expectText("err: Invalid authentication message")
		c.expectEnd()
	}
}

func TestConformanceConnectionLimit(t *testing.T) {
	t.Parallel()
	onlyHere(t) // the limit is exact, and the refusal the only message
	s := newSite(t)
	p := s.serveAtOnce()
	var clients []*pushClient
	for range 64 {
		clients = append(clients, p.login("alice"))
	}
	text := p.loginRefused("alice", passwordOf("alice"))
	require.Equal(t, "Connection limit exceeded for user", text)
	p.login("bob") // it is a limit of one user

	s.publish("notify_custom", `{"user":"alice","message":"to all"}`)
	for _, c := range clients {
		c.expect("to all")
	}
	require.NoError(t, clients[0].ws.Close(websocket.StatusNormalClosure, ""))
	p.awaitMetric("active_connection_count", 64)
	p.login("alice")

	few := newSite(t).serve("--max-connections-per-user", "1")
	few.login("alice")
	text = few.loginRefused("alice", passwordOf("alice"))
	require.Equal(t, "Connection limit exceeded for user", text)
}

func TestConformanceFileIDs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.mounts.Mount(7, "alice", "files")
	p := s.serveAtOnce()
	plain, ids := p.login("alice"), p.login("alice")
	ids.say("tell me a joke", "", "listen notify_nothing", "listen notify_file_id") // other text is ignored
	ids.settle()
	s.publishAtOnce(fileEvent(7, "files/a.txt", 42))
	plain.expect("notify_file")
	ids.expect("notify_file_id [42]")
	s.publish("notify_user_share_created", `{"user":"alice"}`) // has no id
	plain.expect("notify_file")
	ids.expect("notify_file")
}

func TestConformanceFramesThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serveAtOnce()
	other, sameUser := p.login("bob"), p.login("alice")
	for name, bytes := range map[string][]byte{
		"large":  textFrame(strings.Repeat("a", 65<<20)),
		"binary": testkit.ClientFrame(testkit.Final|byte(frame.Binary), "alice"),
	} {
		c := p.login("alice")
		_, _ = c.conn.Write(bytes) // may fail, because the other side may hang up before it is all there
		c.closed()
		s.publish("notify_custom", fmt.Sprintf(`{"user":"bob","message":"after %s"}`, name))
		other.expect("after " + name)
		s.publish("notify_custom", fmt.Sprintf(`{"user":"alice","message":"after %s"}`, name))
		sameUser.expect("after " + name)
	}
}

func TestConformanceReadLimits(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	p := newSite(t).serve()

	before := p.open(textFrame(strings.Repeat("a", 4<<10)), textFrame("wrong"))
	before.expectText("err: Invalid credentials")
	before.expectEnd()
	before = p.open(textFrame("alice"), textFrame(strings.Repeat("a", 4<<10+1)))
	before.expectEnd()

	after := p.login("alice")
	after.say(strings.Repeat("a", 64<<10))
	after.settle()
	after.say(strings.Repeat("a", 64<<10+1))
	require.Equal(t, websocket.StatusMessageTooBig, after.closed())
}

func TestConformancePings(t *testing.T) {
	t.Parallel()
	onlyHere(t) // before the login; unsolicited pongs
	p := newSite(t).serve()
	ping, pong := testkit.ClientFrame(testkit.Final|byte(frame.Ping), "are you there?"), testkit.ClientFrame(testkit.Final|byte(frame.Pong), "I am")
	expectPong := func(c *rawClient) {
		opcode, payload := c.frame()
		require.Equal(t, frame.Pong, opcode)
		require.Equal(t, "are you there?", payload)
	}
	c := p.open(ping)
	expectPong(c)
	c.send(textFrame("alice"))
	c.send(pong)
	c.send(ping)
	expectPong(c)
	c.send(textFrame(passwordOf("alice")))
	c.expectText("authenticated")
	c.send(pong)
	c.send(ping)
	expectPong(c)
}

func TestConformanceClientCloses(t *testing.T) {
	t.Parallel()
	p := newSite(t).serve()
	c := p.login("alice")
	require.NoError(t, c.ws.Close(websocket.StatusNormalClosure, "")) // an error when no close frame is the answer
	p.awaitMetric("active_connection_count", 0)
}

// TestConformanceUserIDs has user ids of all kinds get what is theirs.
func TestConformanceUserIDs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p := s.serveAtOnce()
	for i, user := range []string{
		"a b", "al@example.com", `"quoted" and 'quoted'`, `back\slash`, "émile", "🦊", strings.Repeat("x", 64), "0042", "42", "%s<>&",
	} {
		s.addUser(user)
		c := p.login(user)
		message := fmt.Sprint("message ", i)
		s.publishAtOnce(customEvent(user, message))
		c.expect(message)
	}
}

func TestConformanceIPv4AndIPv6(t *testing.T) {
	t.Parallel()
	ipv6, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6")
	}
	ipv6.Close()
	s := newSite(t)
	p := s.start("REDIS_URL="+s.redis.URL(), "DATABASE_URL="+s.database, "NEXTCLOUD_URL="+s.url)
	p.awaitServing()
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		address := fmt.Sprintf("%s:%d", host, p.port)
		c, _ := dialEndpoint(t, endpoint{network: "tcp", address: address, url: "ws://" + address + "/ws"})
		c.logIn("alice", passwordOf("alice"))
	}
	require.Equal(t, "127.0.0.1", s.asked("uid")[0].header.Get("X-Forwarded-For"), "not ::ffff:127.0.0.1")
}
