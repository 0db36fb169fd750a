package transport

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/stretchr/testify/require"
)

func originOfRequest(r *http.Request, believed proxies) origin {
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	return originOf(r.Header, peer.Addr(), believed)
}

func forwardedOf(r *http.Request) string { return originOfRequest(r, proxies{}).forwarded }

func clientOf(r *http.Request, listed ...netip.Prefix) netip.Addr {
	return originOfRequest(r, proxies{listed: listed}).client
}

func TestForwarded(t *testing.T) {
	const peer = "192.0.2.9:4711"
	mile := strings.Repeat("198.51.100.1, ", 100_000) + "203.0.113.7"
	for _, test := range []struct {
		name   string
		peer   string
		header []string // names and values, several lines where a name comes again
		want   string
	}{
		{"nothing", peer, nil, "192.0.2.9"},
		{"the client's chain comes before the peer", peer, []string{"X-Forwarded-For", "203.0.113.1, 203.0.113.2"}, "203.0.113.1, 203.0.113.2, 192.0.2.9"},
		{"without spaces", peer, []string{"X-Forwarded-For", "203.0.113.1,203.0.113.2"}, "203.0.113.1, 203.0.113.2, 192.0.2.9"},
		{"several lines are one list", peer, []string{"X-Forwarded-For", "203.0.113.1", "X-Forwarded-For", "203.0.113.2"}, "203.0.113.1, 203.0.113.2, 192.0.2.9"},
		{"ports and brackets", peer, []string{"X-Forwarded-For", "203.0.113.1:80, [2001:db8::1]:443, [2001:db8::2], 2001:db8::3"}, "203.0.113.1, 2001:db8::1, 2001:db8::2, 2001:db8::3, 192.0.2.9"},
		{"IPv4 in IPv6 is IPv4", peer, []string{"X-Forwarded-For", "::ffff:203.0.113.1, [::ffff:203.0.113.2]:1"}, "203.0.113.1, 203.0.113.2, 192.0.2.9"},
		{"an interface's name is cut off", peer, []string{"X-Forwarded-For", "fe80::1%eth0"}, "fe80::1, 192.0.2.9"},

		{"X-Real-IP comes second", peer, []string{"X-Real-IP", "203.0.113.3", "Forwarded", "for=203.0.113.4"}, "203.0.113.3, 192.0.2.9"},
		{"X-Forwarded-For comes first", peer, []string{"X-Real-IP", "203.0.113.3", "X-Forwarded-For", "203.0.113.1"}, "203.0.113.1, 192.0.2.9"},
		{"Forwarded comes third", peer, []string{"Forwarded", "for=203.0.113.4"}, "203.0.113.4, 192.0.2.9"},
		{"Forwarded, in full", peer, []string{"Forwarded", `For="[2001:db8::1]:4711";proto=https;by=203.0.113.43, for=203.0.113.5;host="a,b;c"`}, "2001:db8::1, 203.0.113.5, 192.0.2.9"},
		{"Forwarded, several lines", peer, []string{"Forwarded", "for=203.0.113.4", "Forwarded", `proto=http; FOR="203.0.113.5:1"`}, "203.0.113.4, 203.0.113.5, 192.0.2.9"},
		{"Forwarded, an escaped quote", peer, []string{"Forwarded", `host="a\",b";for=203.0.113.4`}, "203.0.113.4, 192.0.2.9"},
		{"Forwarded, obfuscated and unknown", peer, []string{"Forwarded", "for=_hidden, for=unknown, for=203.0.113.5"}, "203.0.113.5, 192.0.2.9"},
		{"Forwarded, an obfuscated port", peer, []string{"Forwarded", `for="203.0.113.5:_secret"`}, "203.0.113.5, 192.0.2.9"},
		{"Forwarded, an element that does not say", peer, []string{"Forwarded", "for=203.0.113.4, proto=http"}, "192.0.2.9"},
		{"Forwarded, a quote that does not end", peer, []string{"Forwarded", `for="203.0.113.4, for=203.0.113.5`}, "192.0.2.9"},

		{"nonsense is dropped", peer, []string{"X-Forwarded-For", "nonsense"}, "192.0.2.9"},
		{"nonsense does not make way for another header", peer, []string{"X-Forwarded-For", "nonsense", "X-Real-IP", "203.0.113.3", "Forwarded", "for=203.0.113.4"}, "192.0.2.9"},
		{"nor does an empty one", peer, []string{"X-Forwarded-For", "", "X-Real-IP", "203.0.113.3"}, "192.0.2.9"},
		{"a client's nonsense does not hide the client", peer, []string{"X-Forwarded-For", "nonsense, 203.0.113.2"}, "203.0.113.2, 192.0.2.9"},
		{"unknown", peer, []string{"X-Forwarded-For", "unknown, 203.0.113.2"}, "203.0.113.2, 192.0.2.9"},
		{"empty", peer, []string{"X-Forwarded-For", "", "X-Real-IP", " ", "Forwarded", ""}, "192.0.2.9"},
		{"another header's line", peer, []string{"X-Forwarded-For", "1.2.3.4\r\nHost: evil"}, "192.0.2.9"},
		{"a mile", peer, []string{"X-Forwarded-For", mile}, strings.Repeat("198.51.100.1, ", maxHops-1) + "203.0.113.7, 192.0.2.9"},
		{"a mile of nonsense", peer, []string{"X-Forwarded-For", strings.Repeat("x", 1<<20)}, "192.0.2.9"},

		{"an IPv6 peer", "[2001:db8::9]:1", nil, "2001:db8::9"},
		{"an IPv4 peer at an IPv6 socket", "[::ffff:192.0.2.9]:1", nil, "192.0.2.9"},
		{"a peer of this link", "[fe80::9%eth0]:1", nil, "fe80::9"},
		{"a unix socket", "@", nil, ""},
		{"a unix socket with a chain", "@", []string{"X-Forwarded-For", "203.0.113.1"}, "203.0.113.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: test.peer, Header: http.Header{}}
			for i := 0; i < len(test.header); i += 2 {
				r.Header.Add(test.header[i], test.header[i+1])
			}
			require.Equal(t, test.want, forwardedOf(r))
		})
	}
}

// What net/http makes of real sockets.
func TestForwardedOverSockets(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, forwardedOf(r)) })

	t.Run("IPv4 and IPv6 at one socket", func(t *testing.T) {
		listener, err := Listen(t.Context(), ListenOptions{})
		require.NoError(t, err)
		serve(t, listener, echo)
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		require.Equal(t, "127.0.0.1", testkit.Request(t, "GET", "http://127.0.0.1:"+port).Body)
		require.Equal(t, "203.0.113.1, 127.0.0.1", testkit.Request(t, "GET", "http://127.0.0.1:"+port, "X-Forwarded-For", "203.0.113.1").Body)
		if loopback6 := probeIPv6(t); loopback6 {
			require.Equal(t, "::1", testkit.Request(t, "GET", "http://[::1]:"+port).Body)
		}
	})
	t.Run("unix socket", func(t *testing.T) {
		path := filepath.Join(shortDir(t), "s")
		listener, err := Listen(t.Context(), ListenOptions{SocketPath: path})
		require.NoError(t, err)
		serve(t, listener, echo)
		require.Empty(t, testkit.RequestBy(t, dialUnix(path), "GET", "http://push").Body)
		require.Equal(t, "203.0.113.1", testkit.RequestBy(t, dialUnix(path), "GET", "http://push", "X-Real-IP", "203.0.113.1").Body)
	})
}

// Whoever is believed, what a client writes itself never counts.
func TestClientAddress(t *testing.T) {
	listed := proxies{listed: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	nearby := proxies{private: true}
	both := proxies{private: true, listed: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("10.0.0.7/32")}}
	for _, test := range []struct {
		name, peer, chain, want string
		believed                proxies
		gateway                 bool
	}{
		{"a client is itself", "192.0.2.9:1", "", "192.0.2.9", listed, false},
		{"a client cannot be another", "192.0.2.9:1", "203.0.113.1", "192.0.2.9", listed, false},
		{"a listed proxy is believed", "10.0.0.1:1", "203.0.113.1", "203.0.113.1", listed, false},
		{"about its peer only", "10.0.0.1:1", "198.51.100.1, 203.0.113.1", "203.0.113.1", listed, false},
		{"two listed proxies", "10.0.0.1:1", "198.51.100.1, 203.0.113.1, fd00::1", "203.0.113.1", listed, false},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:1", "203.0.113.1", "203.0.113.1", listed, false},
		{"all are listed", "10.0.0.1:1", "10.0.0.3, 10.0.0.2", "10.0.0.3", listed, true},
		{"a peer that is not listed is a client", "127.0.0.1:1", "203.0.113.1", "127.0.0.1", listed, false},
		{"a unix socket", "@", "203.0.113.1", "203.0.113.1", listed, false},
		{"a unix socket that says nothing", "@", "", "invalid IP", listed, true},

		{"a private peer is believed", "172.18.0.2:1", "203.0.113.1", "203.0.113.1", nearby, false},
		{"so is loopback", "[::1]:1", "203.0.113.1", "203.0.113.1", nearby, false},
		{"about the address that it wrote", "127.0.0.1:1", "198.51.100.1, 203.0.113.1", "203.0.113.1", nearby, false},
		{"for one hop", "127.0.0.1:1", "203.0.113.1, 10.0.0.7", "10.0.0.7", nearby, true},
		{"a public peer is not", "192.0.2.9:1", "203.0.113.1", "192.0.2.9", nearby, false},
		{"a peer that says nothing", "172.17.0.1:1", "", "172.17.0.1", nearby, true},
		{"a peer that says nonsense", "127.0.0.1:1", "203.0.113.1, unknown", "127.0.0.1", nearby, true},
		{"a unix socket is one hop, too", "@", "203.0.113.1, 10.0.0.7", "10.0.0.7", nearby, true},

		{"a listed hop behind a private peer", "127.0.0.1:1", "203.0.113.1, 10.0.0.7", "203.0.113.1", both, false},
		{"two listed hops", "127.0.0.1:1", "192.0.2.66, 203.0.113.1, 198.51.100.9, 10.0.0.7", "203.0.113.1", both, false},
		{"a private hop that is not listed", "127.0.0.1:1", "203.0.113.1, 10.0.0.8, 10.0.0.7", "10.0.0.8", both, true},
		{"a listed public peer", "198.51.100.9:1", "203.0.113.1", "203.0.113.1", both, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: test.peer, Header: http.Header{}}
			if test.chain != "" {
				r.Header.Set("X-Forwarded-For", test.chain)
			}
			from := originOfRequest(r, test.believed)
			require.Equal(t, test.want, from.client.String())
			require.Equal(t, test.gateway, from.gateway)
			if test.gateway && test.believed.private {
				r.Header.Set("X-Real-IP", "203.0.113.66")
				if test.chain != "" {
					require.Equal(t, from, originOfRequest(r, test.believed), "no other header is looked at")
				}
			}
		})
	}
}

// Whatever clients send, Nextcloud gets a bounded list of addresses that it can read, and the
// peer's is the last.
func FuzzForwarded(f *testing.F) {
	f.Add("203.0.113.1, 203.0.113.2", "", "")
	f.Add("unknown, [2001:db8::1]:443", "::ffff:1.2.3.4", "")
	f.Add("x", "", `for="[2001:db8::1]:_a";by=_b, for=1.2.3.4;host="\",;"`)
	f.Add(",,,", "fe80::1%eth0", `for="`)
	f.Fuzz(func(t *testing.T, forwardedFor, realIP, forwarded string) {
		r := &http.Request{RemoteAddr: "192.0.2.9:1", Header: http.Header{
			"X-Forwarded-For": {forwardedFor}, "X-Real-Ip": {realIP}, "Forwarded": {forwarded},
		}}
		addresses := strings.Split(forwardedOf(r), ", ")
		require.LessOrEqual(t, len(addresses), maxHops+1)
		require.Equal(t, "192.0.2.9", addresses[len(addresses)-1])
		for _, text := range addresses {
			address, err := netip.ParseAddr(text)
			require.NoError(t, err)
			require.Equal(t, address.Unmap().WithZone("").String(), text)
		}
		nearby := proxies{private: true}
		r.Header["X-Forwarded-For"] = []string{forwardedFor, "203.0.113.7"}
		r.RemoteAddr = "172.17.0.1:1"
		require.Equal(t, "203.0.113.7", originOfRequest(r, nearby).address, "what the proxy wrote counts, whatever stands before it")
		r.RemoteAddr = "192.0.2.9:1"
		require.True(t, clientOf(r) == netip.MustParseAddr("192.0.2.9"))
		require.True(t, clientOf(r, netip.MustParsePrefix("192.0.2.9/32")).IsValid())
	})
}

// TestFairOrigin: the logins of one subscriber take turns with those of others, whatever addresses he has.
func TestFairOrigin(t *testing.T) {
	for client, want := range map[string]string{
		"192.0.2.1":          "192.0.2.1",
		"::ffff:192.0.2.1":   "192.0.2.1",
		"2001:db8:0:ff01::1": "2001:db8:0:ff00::",
		"2001:db8:0:ff00::":  "2001:db8:0:ff00::",
	} {
		l := &login{from: originOf(nil, netip.MustParseAddr(client), proxies{})}
		require.Equal(t, want, l.fairOrigin())
	}
	l := &login{from: originOf(nil, netip.Addr{}, proxies{})}
	require.Empty(t, l.fairOrigin())
}
