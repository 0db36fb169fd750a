package transport

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/notifypush/notifypush/transport/frame"
)

// refuseInvalidHandshake refuses what is no websocket handshake with the reason, and returns what is wrong
// with it; "" where nothing is. What is missing was usually lost in a reverse proxy.
func refuseInvalidHandshake(w http.ResponseWriter, r *http.Request) (fault string) {
	if missing := missingOfHandshake(r.Header, r.ProtoAtLeast(1, 1)); missing != "" {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
		http.Error(w, fmt.Sprintf("this is a websocket, but %s is missing from the request; a reverse proxy must pass it on", missing), http.StatusUpgradeRequired)
		return missing + " is missing"
	}
	status := http.StatusBadRequest
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		status, fault = http.StatusMethodNotAllowed, "the handshake of a websocket is a GET"
	case !isHandshakeKey(r.Header):
		fault = "Sec-WebSocket-Key is not one of 16 bytes in base64"
	default:
		return ""
	}
	w.Header().Set("Connection", "close")
	http.Error(w, fault, status)
	return fault
}

// missingOfHandshake names what a request lacks to be a websocket handshake (RFC 6455, 4.2.1),
// "" if nothing. What proxies lose most often comes first.
func missingOfHandshake(header http.Header, http11 bool) string {
	switch {
	case !hasToken(header, "Upgrade", "websocket"):
		return `the header "Upgrade: websocket"`
	case !hasToken(header, "Connection", "upgrade"):
		return `the header "Connection: Upgrade"`
	case header.Get("Sec-Websocket-Version") != "13":
		return `the header "Sec-WebSocket-Version: 13"`
	case header.Get("Sec-Websocket-Key") == "":
		return `the header "Sec-WebSocket-Key"`
	case !http11:
		return "HTTP/1.1"
	default:
		return ""
	}
}

// hasToken reports whether a token is in a header that is a list, in any case.
func hasToken(header http.Header, name, token string) bool {
	return slices.ContainsFunc(header.Values(name), func(line string) bool {
		for one := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(one), token) {
				return true
			}
		}
		return false
	})
}

// base64Size is the length of 16 bytes in base64.
const base64Size = 24

// isHandshakeKey reports whether there is one key, and it is one.
func isHandshakeKey(header http.Header) bool {
	keys := header["Sec-Websocket-Key"]
	if len(keys) != 1 || len(keys[0]) != base64Size { // Decode panics where there is no room for a longer one
		return false
	}
	var nonce [base64Size / 4 * 3]byte
	n, err := base64.StdEncoding.Decode(nonce[:], []byte(keys[0]))
	return err == nil && n == 16
}

// appendSwitching appends the response to a handshake with this key.
func appendSwitching(out []byte, key string) []byte {
	out = append(out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+allowAnyOrigin+"Sec-WebSocket-Accept: "...)
	out = frame.AppendAccept(out, key)
	return append(out, "\r\n\r\n"...)
}

const allowAnyOrigin = "Access-Control-Allow-Origin: *\r\n"

// appendRefusal appends the response to a handshake that is refused. The client must not keep the connection.
func appendRefusal(out []byte, status int, retryAfter, reason string) []byte {
	return fmt.Appendf(out, "HTTP/1.1 %d %s\r\nRetry-After: %s\r\nCache-Control: no-store\r\nConnection: close\r\n%sContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), retryAfter, allowAnyOrigin, len(reason), reason)
}

// handshake is what is needed while one is read and answered.
type handshake struct {
	header   http.Header // parseHandshake's; fields of the one before may be there without a value
	response [256]byte
}

var handshakes = sync.Pool{New: func() any { return &handshake{header: http.Header{}} }}

// handshakeHeaders are the headers that count in a handshake, and oddHeaders are those of requests that are
// left to net/http.
var (
	handshakeHeaders = []string{"Upgrade", "Connection", "Sec-Websocket-Key", "Sec-Websocket-Version", "X-Forwarded-For", "X-Real-Ip", "Forwarded", "Host", "User-Agent", "Origin", "X-Forwarded-Host"}
	oddHeaders       = []string{"Content-Length", "Transfer-Encoding", "Expect"}
)

// usualValues need no memory of their own.
var usualValues = []string{"websocket", "Upgrade", "upgrade", "13"}

// parseHandshake reads a request that data begins with. It returns its size when it is a whole and valid
// websocket handshake to …/ws, as nearly all are, with the headers that count in header. It returns 0 for
// anything else, and where it is not sure: net/http knows better then.
func parseHandshake(data []byte, header http.Header) (size int, path []byte) {
	for name, values := range header {
		header[name] = values[:0]
	}
	line, rest, ok := cutLine(data)
	target, isWebsocket := websocketPath(line)
	if !ok || !isWebsocket {
		return 0, nil
	}
	for {
		if line, rest, ok = cutLine(rest); !ok {
			return 0, nil
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		value = bytes.Trim(value, " \t")
		if !ok || !isToken(name) || !isFieldValue(value) || nameIn(oddHeaders, name) != "" {
			return 0, nil
		}
		if known := nameIn(handshakeHeaders, name); known != "" {
			header[known] = append(header[known], textOf(value))
		}
	}
	if len(header["Host"]) != 1 || !isHost(header["Host"][0]) || missingOfHandshake(header, true) != "" || !isHandshakeKey(header) {
		return 0, nil
	}
	return len(data) - len(rest), target
}

// nameIn returns the one of the names that this is in any case, "" if none.
func nameIn(names []string, name []byte) string {
	for _, one := range names {
		if len(one) == len(name) && strings.EqualFold(one, string(name)) {
			return one
		}
	}
	return ""
}

func textOf(value []byte) string {
	for _, usual := range usualValues {
		if string(value) == usual {
			return usual
		}
	}
	return string(value)
}

func cutLine(data []byte) (line, rest []byte, ok bool) {
	end := bytes.IndexByte(data, '\n')
	if end < 1 || data[end-1] != '\r' {
		return nil, nil, false
	}
	return data[:end-1], data[end+1:], true
}

// websocketPath returns the path of a request line, where that is for …/ws, in plain letters.
func websocketPath(line []byte) (path []byte, ok bool) {
	target, found := bytes.CutPrefix(line, []byte("GET "))
	if target, found = cutSuffix(target, " HTTP/1.1", found); !found || !bytes.HasPrefix(target, []byte{'/'}) {
		return nil, false
	}
	path, query, _ := bytes.Cut(target, []byte{'?'})
	if !bytes.HasSuffix(bytes.TrimRight(path, "/"), []byte("/ws")) {
		return nil, false
	}
	return path, !bytes.ContainsFunc(path, isOddInPath) && !bytes.ContainsFunc(query, isOddInQuery)
}

func cutSuffix(data []byte, suffix string, found bool) ([]byte, bool) {
	data, has := bytes.CutSuffix(data, []byte(suffix))
	return data, found && has
}

func isOddInPath(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("/-._~", c))
}

func isOddInQuery(c rune) bool { return c <= ' ' || c >= 0x7F || c == '#' }

func isHost(host string) bool {
	return !strings.ContainsFunc(host, func(c rune) bool { return isOddInPath(c) && !strings.ContainsRune(":[]", c) || c == '/' })
}

func isToken(name []byte) bool {
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return len(name) > 0
}

func isFieldValue(value []byte) bool {
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7F {
			return false
		}
	}
	return true
}
