package loadtest

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
)

// All handshakes are alike: the key is there to unmask caches that answer in place of a server, and there are none here.
// Its answer is checked all the same (the pair is that of RFC 6455, 1.3).
const (
	handshakeKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	handshakeAnswer = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

func handshake(host netip.AddrPort, path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", path, host, handshakeKey)
}

// checkHandshake reads the answer without the empty line at its end.
func checkHandshake(answer []byte) error {
	status, headers, _ := bytes.Cut(answer, []byte("\r\n"))
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 101")) {
		return fmt.Errorf("the handshake was answered %q", status[:min(len(status), 80)])
	}
	for header := range bytes.SplitSeq(headers, []byte("\r\n")) {
		name, value, _ := bytes.Cut(header, []byte{':'})
		if strings.EqualFold(string(name), "Sec-WebSocket-Accept") {
			if string(bytes.TrimSpace(value)) == handshakeAnswer {
				return nil
			}
			break
		}
	}
	return fmt.Errorf("the handshake was answered without the right Sec-WebSocket-Accept")
}
