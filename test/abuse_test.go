package test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/notifypush/notifypush/transport/frame"
)

// The abuse suite does to the running binary what nobody should do, while a well-behaved client is sent events with numbers and must get
// each of them, in order. Whatever was done is counted, the log says what it was, and nothing of it remains.

// abuse is something bad, the counter that it is found in, and what the log says of it.
type abuse struct {
	name    string
	do      func()
	counter string
	times   int
	says    string
}

func closedCounter(reason actors.CloseReason) string {
	return fmt.Sprintf("notify_push_connections_closed_total{reason=%q}", reason)
}

const malformedCounter = "notify_push_events_malformed_total"

// endure does each abuse, while the reference listens.
func (p *pushServer) endure(abuses []abuse) {
	p.t.Helper()
	reference := p.follow()
	before := p.resources()
	for _, a := range abuses {
		counted, logged := p.metric(a.counter), strings.Count(p.output.String(), a.says)
		a.do()
		p.awaitMetric(a.counter, counted+float64(a.times))
		p.await("it logs "+a.says, func() bool { return strings.Count(p.output.String(), a.says) > logged })
		waited := time.Now()
		reference.awaitNext()
		require.Less(p.t, time.Since(waited), 5*time.Second, "the next event is late") // every timeout is longer
		p.t.Log("endured: ", a.name)
	}
	p.await("all is as it was before", func() bool {
		p.site.closeCloudConnections()
		return p.resources().within(before)
	})
	reference.finish().requireNothingLost(p.t)
	require.Zero(p.t, p.metric("notify_push_actor_failures_total"))
}

// resources are what must not grow.
type resources struct {
	goroutines, descriptors, connections int
}

func (r resources) within(limit resources) bool {
	return r.goroutines <= limit.goroutines && r.descriptors <= limit.descriptors && r.connections <= limit.connections
}

func (p *pushServer) resources() resources {
	p.t.Helper()
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	return resources{int(p.metric("go_goroutines")), len(descriptors), int(p.metric("active_connection_count"))}
}

func TestAbuseOfEvents(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serveAtOnce()
	published := func(channel, payload, says string) abuse {
		return abuse{says, func() { require.Equal(t, 1, s.publish(channel, payload)) }, malformedCounter, 1, says}
	}
	large := strings.Repeat("a", 10<<20)
	p.endure([]abuse{
		published("notify_activity", "not JSON", "not valid JSON"),
		published("notify_activity", "\x00\xff\xfe", "not valid JSON"),
		published("notify_custom", `["of", "the", "wrong", "type"]`, "the payload has the wrong type (array)"),
		published("notify_notification", `{"user":{"id":"alice"}}`, `neither a text nor a number`),
		published("notify_storage_update", `{"storage":-1,"path":"","file_id":1}`, `whole number from 0 to 18446744073709551615`),
		published("notify_custom", `{"user":"alice","message":"`+large+`"}`, "more than the 8388608 that are delivered"),
		published("notify_pre_auth", large, "is longer than"),
		published("notify_activity", strings.Repeat("[", 1<<19), "not valid JSON"),
		published("notify_config", `{"log_spec":"notify_push=loud"}`, "notify_push=loud"),
	})
	require.Zero(t, s.publish("notify_weather", `{"user":"alice"}`), "nobody listens to what nobody asked for")
}

// TestAbuseOfTheLog has a thousand bad payloads become a few lines.
func TestAbuseOfTheLog(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serveAtOnce()
	began := time.Now()
	events := make([]event, 5000)
	for i := range events {
		events[i] = event{"notify_activity", "{"}
	}
	s.publishAtOnce(events...)
	p.awaitMetric(malformedCounter, float64(len(events)))
	p.awaitLog(`"times": `)
	lines := strings.Count(p.output.String(), "malformed event")
	require.LessOrEqual(t, lines, 2+int(time.Since(began)/time.Second))
}

func TestAbuseBeforeTheLogin(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serveAtOnce("LOG=debug")
	text, binary, continuation, ping := byte(frame.Text), byte(frame.Binary), byte(frame.Continuation), byte(frame.Ping)
	refused := func(name string, reason actors.CloseReason, frames ...[]byte) abuse {
		return abuse{name, func() {
			c := p.open(frames...)
			if reason == actors.InvalidLoginMessage {
				c.expectText("err: Invalid authentication message")
			}
			c.expectEnd()
			c.conn.Close()
		}, closedCounter(reason), 1, reason.String()}
	}
	large := strings.Repeat("a", 1<<20)
	p.endure([]abuse{
		refused("binary", actors.InvalidLoginMessage, testkit.ClientFrame(testkit.Final|binary, "alice")),
		refused("binary in fragments", actors.InvalidLoginMessage, testkit.ClientFrame(binary, "ali"), testkit.ClientFrame(testkit.Final|continuation, "ce")),
		refused("too big", actors.MessageTooBig, textFrame(large)),
		refused("too big to exist", actors.MessageTooBig, []byte{testkit.Final | text, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4}),
		refused("too big in fragments", actors.MessageTooBig, testkit.ClientFrame(text, large[:4000]), testkit.ClientFrame(continuation, large[:4000])),
		refused("not UTF-8", actors.TextInvalid, textFrame("al\xffice")),
		refused("not masked", actors.ProtocolViolated, []byte{testkit.Final | text, 2, 'm', 'e'}),
		refused("an unknown opcode", actors.ProtocolViolated, testkit.ClientFrame(testkit.Final|3, "")),
		refused("reserved bits", actors.ProtocolViolated, testkit.ClientFrame(testkit.Final|0x40|text, "alice")),
		refused("a continuation of nothing", actors.ProtocolViolated, testkit.ClientFrame(testkit.Final|continuation, "alice")),
		refused("a message within a message", actors.ProtocolViolated, testkit.ClientFrame(text, "ali"), textFrame("ce")),
		refused("a ping in fragments", actors.ProtocolViolated, testkit.ClientFrame(ping, "")),
		refused("a huge ping", actors.ProtocolViolated, testkit.ClientFrame(testkit.Final|ping, large[:126])),
		{"no end of messages while Nextcloud thinks", func() {
			s.cloud.Behave(nextcloud.Behaviour{Delay: patience})
			c := p.open(textFrame("bob"), textFrame("wrong"))
			c.send([]byte(strings.Repeat(string(textFrame("x")), 1000)))
			c.expectEnd()
			c.conn.Close()
			s.cloud.Behave(nextcloud.Behaviour{})
			s.closeCloudConnections()
		}, closedCounter(actors.MessageTooBig), 1, "the client sends too much before it is logged in"},
		{"hangs up in a frame", func() {
			p.open(textFrame("alice")[:3]).conn.Close()
		}, closedCounter(actors.ConnectionLost), 1, "connection_lost"},
	})

	c := p.open(testkit.ClientFrame(text, "al"), testkit.ClientFrame(testkit.Final|ping, ""), testkit.ClientFrame(continuation, ""), testkit.ClientFrame(testkit.Final|continuation, "ice"),
		testkit.ClientFrame(text, passwordOf("alice")), testkit.ClientFrame(testkit.Final|continuation, ""))
	opcode, _ := c.frame()
	require.Equal(t, frame.Pong, opcode)
	c.expectText("authenticated") // fragments alone are no abuse
}

func TestAbuseAfterTheLogin(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serveAtOnce("LOG=debug")
	send := func(name string, reason actors.CloseReason, data []byte) abuse {
		return abuse{name, func() {
			c := p.login("bob")
			_, _ = c.conn.Write(data) // the daemon may hang up before all is there
			require.Equal(t, websocket.StatusCode(reason.Code()), c.closed())
		}, closedCounter(reason), 1, reason.String()}
	}
	p.endure([]abuse{
		send("binary", actors.MessageUnsupported, testkit.ClientFrame(testkit.Final|byte(frame.Binary), "x")),
		send("too big", actors.MessageTooBig, textFrame(strings.Repeat("a", 64<<10+1))),
		send("not UTF-8", actors.TextInvalid, textFrame("\xc3\x28")),
		send("no frames at all", actors.ProtocolViolated, []byte("GET / HTTP/1.1\r\n\r\n")),
		{"reads nothing", func() {
			deaf := p.open(textFrame("bob"), textFrame(passwordOf("bob")))
			deaf.expectText("authenticated")
			other := p.login("bob")
			message := strings.Repeat("a", 100<<10)
			for sent := 0; p.metric(closedCounter(actors.TooSlow)) < 1; sent++ { // the kernel and the daemon keep some for a client
				require.Less(t, sent, 50, "who reads nothing is closed")
				for range 10 {
					s.publishAtOnce(customEvent("bob", message))
				}
				for range 10 {
					other.expect(message)
				}
			}
			deaf.conn.Close()
			require.NoError(t, other.ws.CloseNow())
		}, closedCounter(actors.TooSlow), 1, actors.TooSlow.String()},
	})
}

func TestAbuseOfLogins(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serveAtOnce()
	attempts := 0
	with := func(name string, behaviour nextcloud.Behaviour, says string) abuse {
		return abuse{name, func() {
			attempts++
			s.cloud.Behave(behaviour)
			text := p.loginRefused("bob", fmt.Sprint("password ", attempts))
			s.cloud.Behave(nextcloud.Behaviour{})
			require.Contains(t, text, "err: Error while sending authentication request to nextcloud: ")
			require.Less(t, len(text), 300, "not all that Nextcloud said")
		}, closedCounter(actors.LoginNotVerified), 1, says}
	}
	p.endure([]abuse{
		with("500", nextcloud.Behaviour{Fault: nextcloud.FaultError}, "500"),
		with("a web page", nextcloud.Behaviour{Fault: nextcloud.FaultHTML}, "a web page"),
		with("nothing", nextcloud.Behaviour{Fault: nextcloud.FaultEmpty}, "nothing"),
		with("a redirect to a web page", nextcloud.Behaviour{Fault: nextcloud.FaultRedirect}, "/index.php/login"),
		with("5 MB", nextcloud.Behaviour{Fault: nextcloud.FaultHuge}, "too long a text"),
		with("drop by drop, without end", nextcloud.Behaviour{Fault: nextcloud.FaultSlowBody}, "too long a text"),
		{"wrong passwords, many at once", func() {
			var guesses sync.WaitGroup
			for i := range 100 {
				c := p.dial("/ws")
				guesses.Go(func() {
					_ = c.ws.Write(t.Context(), websocket.MessageText, fmt.Append(nil, "user ", i)) // behind a gateway each has a limit
					_ = c.ws.Write(t.Context(), websocket.MessageText, fmt.Append(nil, "guess ", i))
					for range c.heard { // until it is over
					}
				})
			}
			guesses.Wait()
		}, closedCounter(actors.InvalidCredentials), 100, "invalid_credentials"},
	})
}

// TestAbuseOfASlowNextcloud has so many logins wait for Nextcloud that nobody else's can be asked for.
func TestAbuseOfASlowNextcloud(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serveAtOnce()
	reference := p.follow()
	s.cloud.Behave(nextcloud.Behaviour{Delay: time.Minute})
	for i := range 40 {
		s.addUser(fmt.Sprint("slow ", i))
		p.dial("/ws").say(fmt.Sprint("slow ", i), "password")
	}
	p.await("Nextcloud is asked by as many as may", func() bool { return s.cloud.Stats().InFlight >= 32 }) // all that have lasted for long at once leave room for more
	reference.awaitNext()
	s.publish("notify_pre_auth", `{"user":"bob","token":"ticket"}`)
	p.dial("/ws").logIn("", "ticket")
	p.login("alice") // whom Nextcloud has accepted a moment ago
	reference.finish().requireNothingLost(t)
}

func TestAbuseOfHTTP(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	s := newSite(t)
	p := s.serveAtOnce()
	reference := p.follow()
	before := p.resources()
	for request, status := range map[string]int{
		"nonsense\r\n\r\n":                                                                                  http.StatusBadRequest,
		"GET /ws HTTP/1.1\r\nHost: push\r\n\r\n":                                                            http.StatusUpgradeRequired,
		strings.Replace(handshake("/ws"), "websocket", "h2c", 1):                                            http.StatusUpgradeRequired,
		strings.Replace(handshake("/ws"), "dGhlIHNhbXBsZSBub25jZQ==", "short", 1):                           http.StatusBadRequest,
		strings.Replace(handshake("/ws"), "GET", "POST", 1):                                                 http.StatusNotFound,
		handshake("/ws", "X-Forwarded-For: "+strings.Repeat("192.0.2.1, ", 10_000)):                         http.StatusRequestHeaderFieldsTooLarge,
		"POST /test/version HTTP/1.1\r\nHost: push\r\nContent-Length: 99999999999\r\n\r\n":                  http.StatusForbidden,
		"GET /test/mapping/18446744073709551616 HTTP/1.1\r\nHost: push\r\ntoken: " + s.token() + "\r\n\r\n": http.StatusBadRequest,
		"GET /test/remote/localhost HTTP/1.1\r\nHost: push\r\ntoken: " + s.token() + "\r\n\r\n":             http.StatusBadRequest,
	} {
		c := p.dialRaw(request)
		require.Equal(t, status, c.response().StatusCode, "%.60s", request)
		c.conn.Close()
	}
	require.EqualValues(t, 3, p.metric(closedCounter(actors.HandshakeInvalid)))
	p.awaitLog(actors.HandshakeInvalid.String())
	for _, forwarded := range []string{
		"\xff\xfe", strings.Repeat(",", 1000), strings.Repeat("192.0.2.1, ", 1000), "' OR 1=1 --", "[::1", "::ffff:0:0:0:0:0:0:0:0:1",
	} {
		c := p.dial("/ws", "X-Forwarded-For", forwarded, "X-Real-IP", forwarded[:2], "Forwarded", "for="+forwarded[:2])
		c.logIn("alice", passwordOf("alice"))
		require.NoError(t, c.ws.CloseNow())
		forwarded := s.asked("uid")[len(s.asked("uid"))-1].header.Get("X-Forwarded-For")
		require.LessOrEqual(t, len(forwarded), 400)
		require.True(t, strings.HasSuffix(forwarded, "127.0.0.1"), forwarded)
	}
	p.await("all is as it was before", func() bool {
		s.closeCloudConnections()
		return p.resources().within(before)
	})
	reference.finish().requireNothingLost(t)
}

// token is that of the self test.
func (s *site) token() string {
	s.setKey("test-token", "sesame")
	return "sesame"
}
