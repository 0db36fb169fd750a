package wire

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// All handshakes have the same key: it is there to unmask caches that answer in place of a server, and there are none here.
// Its answer is checked all the same (the pair is that of RFC 6455, 1.3).
const (
	handshakeKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	HandshakeAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// Handshake is a client's request; further headers may be nil.
func Handshake(host netip.AddrPort, path string, header http.Header) []byte {
	b := bytes.NewBuffer(fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n", path, host, handshakeKey))
	_ = header.Write(b) // a buffer takes all
	b.WriteString("\r\n")
	return b.Bytes()
}

// CheckHandshake reads the answer without the empty line at its end.
func CheckHandshake(answer []byte) error {
	status, headers, _ := bytes.Cut(answer, []byte("\r\n"))
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 101")) {
		return fmt.Errorf("handshake answered with %q", status[:min(len(status), 80)])
	}
	for header := range bytes.SplitSeq(headers, []byte("\r\n")) {
		name, value, _ := bytes.Cut(header, []byte{':'})
		if strings.EqualFold(string(name), "Sec-WebSocket-Accept") && string(bytes.TrimSpace(value)) == HandshakeAccept {
			return nil
		}
	}
	return errors.New("handshake answered without the right Sec-WebSocket-Accept")
}
