package transport

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/stretchr/testify/require"
)

// handshakeOf is a handshake with these fields instead of Host and Origin.
func handshakeOf(fields ...string) []byte {
	return []byte(strings.NewReplacer("Host: localhost\r\n", "", "Origin: https://localhost\r\n", strings.Join(fields, "\r\n")+"\r\n").Replace(wireHandshake))
}

func (b *bench) answerTo(t *testing.T, handshake []byte) testkit.Reply {
	t.Helper()
	conn, err := net.Dial(b.address.Network(), b.address.String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write(handshake)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	return testkit.Reply{Status: response.StatusCode, Header: response.Header}
}

// The pages of a site open websockets, and those of others do not, over our server and a host's.
func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	nextcloud := AllowedOrigins{Hosts: []string{"cloud.example.com", "*.intern.example", "port.example:8443", "[2001:db8::1]", "https://exact.example"}}
	only := AllowedOrigins{Hosts: nextcloud.Hosts, OnlyHosts: true}
	const host, other = "Host: push.example", "Host: 127.0.0.1:7867"
	tests := []struct {
		what    string
		allowed AllowedOrigins
		fields  []string
		refused bool
	}{
		{"no page", nextcloud, []string{host}, false},
		{"an empty origin", nextcloud, []string{host, "Origin:"}, false},
		{"an app", nextcloud, []string{host, "Origin: capacitor://localhost"}, false},
		{"a file", nextcloud, []string{host, "Origin: file://"}, false},
		{"an extension", nextcloud, []string{host, "Origin: moz-extension://0b2"}, false},
		{"null", nextcloud, []string{host, "Origin: null"}, false},
		{"its own host", nextcloud, []string{host, "Origin: https://push.example"}, false},
		{"its own host at another port", nextcloud, []string{host + ":7867", "Origin: https://push.example:8443"}, false},
		{"its own host is not listed", only, []string{host, "Origin: https://push.example"}, true},
		{"a trusted domain", nextcloud, []string{other, "Origin: https://Cloud.Example.com"}, false},
		{"a trusted domain at a port", nextcloud, []string{other, "Origin: http://cloud.example.com:8080"}, false},
		{"a wildcard", nextcloud, []string{other, "Origin: https://a.b.intern.example"}, false},
		{"a wildcard is no dot", nextcloud, []string{other, "Origin: https://intern.example"}, true},
		{"a wildcard is no slash", nextcloud, []string{other, "Origin: https://evil.example/.intern.example"}, true},
		{"a wildcard is no user", nextcloud, []string{other, "Origin: https://evil@a.intern.example"}, true},
		{"its port", nextcloud, []string{other, "Origin: https://port.example:8443"}, false},
		{"another port", nextcloud, []string{other, "Origin: https://port.example:8444"}, true},
		{"no port", nextcloud, []string{other, "Origin: https://port.example"}, true},
		{"IPv6", nextcloud, []string{other, "Origin: https://[2001:db8::1]:8443"}, false},
		{"other IPv6", nextcloud, []string{other, "Origin: https://[2001:db8::2]"}, true},
		{"its scheme", nextcloud, []string{other, "Origin: https://exact.example"}, false},
		{"another scheme", nextcloud, []string{other, "Origin: http://exact.example"}, true},
		{"another site", nextcloud, []string{other, "Origin: https://evil.example"}, true},
		{"another site in capitals", nextcloud, []string{other, "Origin: HTTPS://EVIL.EXAMPLE"}, true},
		{"one that begins like it", nextcloud, []string{other, "Origin: https://cloud.example.com.evil.example"}, true},
		{"one that ends like it", nextcloud, []string{other, "Origin: https://evilcloud.example.com"}, true},
		{"a dot is no letter", nextcloud, []string{other, "Origin: https://cloudxexample.com"}, true},
		{"two dots", nextcloud, []string{other, "Origin: https://a..intern.example"}, true},
		{"a hyphen", nextcloud, []string{other, "Origin: https://-a.intern.example"}, true},
		{"no host", nextcloud, []string{other, "Origin: https://"}, true},
		{"several", nextcloud, []string{other, "Origin: https://cloud.example.com", "Origin: https://evil.example"}, true},
		{"the zero value: its own host", AllowedOrigins{}, []string{host, "Origin: https://push.example"}, false},
		{"the zero value: another", AllowedOrigins{}, []string{host, "Origin: https://evil.example"}, true},
		{"unknown", AllowedOrigins{LogOnly: true}, []string{host, "Origin: https://evil.example"}, false},
		{"any", AllowedOrigins{Hosts: []string{"*"}, OnlyHosts: true}, []string{host, "Origin: https://[2001:db8::1]"}, false},
		{"a proxy that replaced Host", AllowedOrigins{}, []string{other, "X-Forwarded-Host: push.example, inner", "Origin: https://push.example"}, false},
	}
	b := newBench(t, loopback(t), WebsocketOptions{TrustedProxies: trustedLoopback})
	addresses := map[string]net.Addr{"intercepted": b.address, "host's server": b.inHost(t).address}
	for server, address := range addresses {
		b.address = address
		for _, test := range tests {
			b.websocket.SetAllowedOrigins(test.allowed)
			want := http.StatusSwitchingProtocols
			if test.refused {
				want = http.StatusForbidden
			}
			require.Equal(t, want, b.answerTo(t, handshakeOf(test.fields...)).Status, "%s, %s", server, test.what)
		}
	}
}

// X-Forwarded-Host is a trusted proxy's word.
func TestForwardedHostOfAStranger(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	require.Equal(t, http.StatusForbidden,
		b.answerTo(t, handshakeOf("Host: push.example", "X-Forwarded-Host: evil.example", "Origin: https://evil.example")).Status)
}

// A page that is refused is counted and named, and the host of the Websocket hears of it. Nobody is asked about anything.
func TestRefusedPageIsCounted(t *testing.T) {
	var told atomic.Int32
	b := newBench(t, loopback(t), WebsocketOptions{OnOriginRefused: func() { told.Add(1) }})
	b.answerTo(t, append(handshakeOf("Host: push.example", "Origin: https://evil.example"), twoMessages("alice", "secret")...))
	require.True(t, b.closed(actors.OriginRefused)())
	require.EqualValues(t, 1, told.Load())
	require.Zero(t, b.System.Stats().Logins)
}

// A page that may be anybody's has one login at a time of its address, and after a failure the longest wait. That is not at the
// expense of others there, whose failures count for it.
func TestNullOriginIsThrottledAtOnce(t *testing.T) {
	var l loginRateLimit
	now := time.Unix(1, 0)
	address := netip.MustParseAddr("192.0.2.1")
	page, app := newAttempt(nil, origin{client: address, nullOrigin: true}, "bob"), newAttempt(nil, origin{client: address}, "alice")
	mayBegin := func(try attempt) bool {
		_, err := l.begin(try, now)
		return err == nil
	}
	require.True(t, mayBegin(page))
	require.False(t, mayBegin(page), "one is under way")
	require.True(t, mayBegin(app))
	l.release(page)
	require.True(t, mayBegin(page))
	l.refused(page, now)
	require.Equal(t, lastWait, l.wait(page.own, now))
	require.Zero(t, l.wait(app.own, now))
	now = now.Add(lastWait)
	require.True(t, mayBegin(page))
	l.succeeded(page, true, now)
	for range freeFailures {
		l.refused(app, now)
	}
	require.Equal(t, firstWait, l.wait(page.own, now))
}

func TestNullOriginGuesses(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{})
	handshake := handshakeOf("Host: push.example", "Origin: null")
	answers := func(login, password string) string {
		conn, err := net.Dial(b.address.Network(), b.address.String())
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		page := &wire{conn, t, bufio.NewReader(conn)}
		page.send(handshake, twoMessages(login, password))
		_, err = http.ReadResponse(page.reader, nil)
		require.NoError(t, err)
		return page.text()
	}
	require.Equal(t, "authenticated", answers("alice", "secret"))
	require.Equal(t, textInvalidCredentials, answers("nobody", "wrong"))
	require.Equal(t, http.StatusTooManyRequests, b.answerTo(t, handshake).Status)
	b.login(t, "alice")
}

// A page that hangs up before its login's turn leaves room for the next one.
func TestNullOriginThatHangsUp(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{})
	b.Verifier.Block()
	defer b.Verifier.Unblock()
	for i := range 16 { // as many as one address has in flight
		b.dial(t, text("alice"), text(fmt.Sprint("guess", i)))
	}
	eventually(t, func() bool { return b.System.Stats().LoginsInFlight == 16 })
	handshake := handshakeOf("Host: push.example", "Origin: null")
	conn, err := net.Dial(b.address.Network(), b.address.String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write(append(handshake, twoMessages("bob", "secret")...))
	require.NoError(t, err)
	eventually(t, func() bool { return b.System.Stats().LoginsWaiting == 1 })
	require.Equal(t, http.StatusTooManyRequests, b.answerTo(t, handshake).Status, "one is under way")
	require.NoError(t, conn.Close())
	eventually(t, func() bool { return b.answerTo(t, handshake).Status == http.StatusSwitchingProtocols })
}

// Where a cookie may log in, a page that may be anybody's needs to be listed.
func TestNullOriginWithACookie(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{Authenticate: bySession})
	handshake := handshakeOf("Host: push.example", "Origin: null", "Cookie: session=alice")
	require.Equal(t, http.StatusForbidden, b.answerTo(t, handshake).Status)
	b.websocket.SetAllowedOrigins(AllowedOrigins{Hosts: []string{"null"}})
	require.Equal(t, http.StatusSwitchingProtocols, b.answerTo(t, handshake).Status)
}

func TestAllowedOriginsGrammar(t *testing.T) {
	parse := func(text string) ([]string, error) {
		var a AllowedOrigins
		err := a.UnmarshalText([]byte(text))
		require.Equal(t, err == nil, a.OnlyHosts)
		return a.Hosts, err
	}
	for text, want := range map[string][]string{
		"cloud.example.com": {"cloud.example.com"}, "https://cloud.example.com/, *.example": {"https://cloud.example.com", "*.example"},
		"*": {"*"}, "[2001:db8::1]:443": {"[2001:db8::1]:443"}, "null": {"null"},
	} {
		hosts, err := parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, hosts)
	}
	for _, text := range []string{"", " , ", "https://", "cloud.example.com/nextcloud", "https://a@b"} {
		_, err := parse(text)
		require.Error(t, err, text)
	}
}

func FuzzOrigin(f *testing.F) {
	f.Add("https://cloud.example.com", "push.example", "*.example.com")
	f.Add("null", "", "*")
	f.Add("http://[::1]:80", "[::1]", "[::1]:80")
	f.Add("https://\xff", "\xff", "\xff")
	f.Fuzz(func(t *testing.T, origin, host, pattern string) {
		rules := newOriginRules(AllowedOrigins{Hosts: []string{pattern}, OnlyHosts: true})
		if ok, _ := rules.admit([]string{origin}, []string{host}); ok && !strings.Contains(pattern, "*") {
			scheme, name, _ := strings.Cut(origin, "://")
			if strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http") {
				require.True(t, strings.EqualFold(pattern, name) || strings.EqualFold(pattern, withoutPort(name)) || strings.EqualFold(pattern, origin),
					"%q is admitted by %q", origin, pattern)
			}
		}
	})
}
