package transport

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever a client sends as a handshake, what lacks nothing has all that RFC 6455 asks for.
func FuzzHandshake(f *testing.F) {
	f.Add("Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA==")
	f.Add("Upgrade: h2c, WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13")
	f.Add("Upgrade: ,,\r\nConnection: \x80")
	f.Fuzz(func(t *testing.T, header string) {
		text := "GET /ws HTTP/1.1\r\nHost: x\r\n" + header + "\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil || missingOfHandshake(r.Header, true) != "" {
			return
		}
		require.Contains(t, strings.ToLower(strings.Join(r.Header.Values("Upgrade"), ",")), "websocket")
		require.Contains(t, strings.ToLower(strings.Join(r.Header.Values("Connection"), ",")), "upgrade")
		require.Equal(t, "13", r.Header.Get("Sec-WebSocket-Version"))
		require.NotEmpty(t, r.Header.Get("Sec-WebSocket-Key"))
	})
}

// What is answered without net/http is a handshake to net/http too, and has the same headers.
func FuzzParseHandshake(f *testing.F) {
	f.Add([]byte(wireHandshake))
	f.Add([]byte(wireHandshake + "\x81\x80\x00\x00\x00\x00"))
	f.Add([]byte("GET //push/ws/?token=1 HTTP/1.1\r\nhost: a:1\r\nUPGRADE: WebSocket\r\nConnection: keep-alive, upgrade\r\nsec-websocket-key:dGhlIHNhbXBsZSBub25jZQ== \r\nSec-WebSocket-Version: 13\r\nX-Forwarded-For: 1.2.3.4\r\nx-forwarded-for: 5.6.7.8\r\nX-Real-IP: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		header := http.Header{"Left-Over": {"x"}}
		for _, name := range handshakeHeaders {
			header[name] = []string{"of the one before", "and its second line"}
		}
		size, target := parseHandshake(data, header)
		if size == 0 {
			return
		}
		reader := bufio.NewReaderSize(bytes.NewReader(data), len(data))
		r, err := http.ReadRequest(reader)
		require.NoError(t, err)
		require.Equal(t, len(data)-size, reader.Buffered())
		path := strings.FieldsFunc(r.URL.Path, func(c rune) bool { return c == '/' })
		require.Equal(t, "ws", path[len(path)-1])
		require.Equal(t, r.URL.Path, string(target), "both ways lead to the same Websocket")
		require.Equal(t, http.MethodGet, r.Method)
		require.Zero(t, r.ContentLength)
		require.Empty(t, missingOfHandshake(r.Header, r.ProtoAtLeast(1, 1)))
		require.True(t, isHandshakeKey(r.Header))
		require.Equal(t, []string{r.Host}, header["Host"])
		delete(header, "Host")
		for name, values := range header {
			require.Equal(t, append([]string{}, r.Header[name]...), append([]string{}, values...), name)
		}
		for _, name := range handshakeHeaders {
			require.Equal(t, len(r.Header[name]), len(header[name]), name)
		}
	})
}

func TestParseHandshakeLeavesTheRestToNetHTTP(t *testing.T) {
	size, path := parseHandshake([]byte(wireHandshake+"rest"), http.Header{})
	require.Equal(t, len(wireHandshake), size)
	require.Equal(t, "/ws", string(path))
	for name, replace := range map[string][2]string{
		"HTTP/1.0":                  {"HTTP/1.1", "HTTP/1.0"},
		"another method":            {"GET", "HEAD"},
		"another path":              {"/ws", "/wss"},
		"another path that ends so": {"/ws", "/rows"},
		"an absolute URI":           {"/ws", "http://localhost/ws"},
		"an escaped path":           {"/ws", "/a%2Fws"},
		"no upgrade":                {"Upgrade: websocket\r\n", ""},
		"another version":           {"Version: 13", "Version: 8"},
		"a bad key":                 {"dGhlIHNhbXBsZSBub25jZQ==", "short"},
		"two keys":                  {"\r\n\r\n", "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"},
		"no host":                   {"Host: localhost\r\n", ""},
		"two hosts":                 {"Host: localhost\r\n", "Host: localhost\r\nHost: localhost\r\n"},
		"a body":                    {"\r\n\r\n", "\r\nContent-Length: 1\r\n\r\n"},
		"chunks":                    {"\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n"},
		"a folded header":           {"\r\n\r\n", "\r\n folded\r\n\r\n"},
		"a space before the colon":  {"Upgrade:", "Upgrade :"},
		"bare line feeds":           {"\r\n", "\n"},
		"a header without its end":  {"\r\n\r\n", "\r\n"},
		"a NUL":                     {"localhost", "local\x00host"},
	} {
		request := strings.ReplaceAll(wireHandshake, replace[0], replace[1])
		require.NotEqual(t, wireHandshake, request, name)
		size, _ := parseHandshake([]byte(request), http.Header{})
		require.Zero(t, size, name)
	}
}

func BenchmarkParseHandshake(b *testing.B) {
	header := http.Header{}
	b.ReportAllocs()
	for b.Loop() {
		if size, _ := parseHandshake([]byte(wireHandshake), header); size == 0 {
			b.Fatal("it is a handshake")
		}
	}
}
