package doctor

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/notifypush/notifypush/transport/frame"
)

// socket is an open websocket, over which one reads and writes as a client does.
type socket struct {
	net.Conn
	reader *bufio.Reader
	key    string    // of the handshake
	data   []byte    // read and not yet used
	heard  time.Time // when the last byte came
}

// shakeHands opens a websocket as a client does, byte by byte, and looks at the answer.
func (e *examination) shakeHands(ctx context.Context) {
	const step = "handshake"
	s, a, err := e.open(ctx, "")
	if err != nil {
		if isTimeout(err) {
			e.fault(step, fmt.Sprintf("open %s: no answer within %v, and pages at the same address come", e.endpoint, handshakeTimeout), HeldBack)
			return
		}
		e.fail(step, fmt.Sprintf("open %s: %v", e.endpoint, err), cmp.Or(Advise(err), "The reverse proxy's log says more."))
		return
	}
	e.socket = s
	if e.proxy == unknownProxy {
		e.proxy = recognise(a)
	}
	answered := a.from(e.endpoint) + " to a websocket, and pages at the same address are the push server's"
	switch {
	case a.status == http.StatusUpgradeRequired:
		e.fault(step, "the push server answered: "+strings.TrimSpace(a.body), NoUpgrade)
	case a.status == http.StatusTooManyRequests:
		e.fail(step, "too many failed logins from this address", "Wait as long as it says: "+a.header.Get("Retry-After")+" s.")
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, a.status == http.StatusServiceUnavailable, a.status/100 == 3:
		fault, _ := faultOfHandshake(a.status)
		e.fault(step, answered, fault)
	case a.status != http.StatusSwitchingProtocols: // the address is right
		e.fault(step, answered, NoUpgrade)
	case a.header.Get("Sec-WebSocket-Accept") != string(frame.AppendAccept(nil, s.key)):
		e.fault(step, "the answer to the handshake is not for this handshake", Cached)
	case a.header.Get("Sec-WebSocket-Extensions") != "":
		e.warn(step, "something on the way compresses websockets: "+a.header.Get("Sec-WebSocket-Extensions"), remedies[Compressed].advice)
	default:
		e.green(step, "websockets get through")
	}
}

// dial connects to an address.
func (e *examination) dial(ctx context.Context, at *url.URL) (net.Conn, error) {
	address := net.JoinHostPort(at.Hostname(), portOf(at))
	if !isEncrypted(at) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	// No ALPN: over HTTP/2 there would be no upgrade.
	dialer := tls.Dialer{Config: &tls.Config{ServerName: at.Hostname(), InsecureSkipVerify: e.AllowSelfSigned}} //nolint:gosec // The user asked for it.
	return dialer.DialContext(ctx, "tcp", address)
}

// openFromAPage opens one more websocket, as Nextcloud's own pages do in a browser.
func (e *examination) openFromAPage(ctx context.Context) {
	origin := e.site.Scheme + "://" + e.site.Host
	s, a, err := e.open(ctx, "Origin: "+origin+"\r\n")
	if err != nil {
		return // apps get through, and the way is the same
	}
	_ = s.Close()
	if a.status == http.StatusForbidden {
		e.warn("web pages", "websockets of "+origin+" are refused, so browsers get no pushes: "+strings.TrimSpace(a.body),
			"Add "+e.site.Hostname()+" to trusted_domains in config.php, or "+origin+" to --allowed-origins.")
	}
}

// open sends a handshake, and offers to compress, as browsers do. more are further header lines.
func (e *examination) open(ctx context.Context, more string) (*socket, answer, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn, err := e.dial(ctx, e.endpoint)
	if err != nil {
		return nil, answer{}, err
	}
	s := &socket{Conn: conn, reader: bufio.NewReader(conn), key: newKey()}
	_ = conn.SetDeadline(time.Now().Add(handshakeTimeout))
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n%s\r\n",
		e.endpoint.RequestURI(), e.endpoint.Host, s.key, more); err != nil {
		_ = conn.Close()
		return nil, answer{}, err
	}
	response, err := http.ReadResponse(s.reader, nil)
	if err != nil {
		_ = conn.Close()
		return nil, answer{}, fmt.Errorf("no answer to the handshake: %w", err)
	}
	a, _ := readAnswer(response)
	_ = conn.SetDeadline(time.Time{})
	return s, a, nil
}

func newKey() string {
	key := make([]byte, 16)
	_, _ = rand.Read(key) // cannot fail
	return base64.StdEncoding.EncodeToString(key)
}

func (s *socket) send(op frame.Opcode, payload string) error {
	_ = s.SetWriteDeadline(time.Now().Add(stepTimeout))
	_, err := s.Write(frame.AppendMasked(nil, op, payload))
	return err
}

// next returns the next text or close frame; pings are answered. It gives up after within.
func (s *socket) next(within time.Duration) (frame.Frame, error) {
	_ = s.SetReadDeadline(time.Now().Add(within))
	buffer := make([]byte, 4096)
	for {
		f, size, err := frame.Cut(s.data, maxBody)
		if err != nil {
			return f, err
		}
		if size == 0 {
			n, err := s.reader.Read(buffer)
			if n > 0 { // with TLS, the end may come along
				s.data, s.heard = append(s.data, buffer[:n]...), time.Now()
			} else if err != nil {
				return f, err
			}
			continue
		}
		f.Payload = append([]byte(nil), f.Payload...)
		s.data = s.data[size:]
		switch f.Opcode {
		case frame.Ping:
			if err := s.send(frame.Pong, string(f.Payload)); err != nil {
				return f, err
			}
		case frame.Pong:
		default:
			return f, nil
		}
	}
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
