package nextcloud

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/nonblock"
)

const (
	// idleTime is how long a connection is kept for the next login.
	idleTime = 10 * time.Second
	// dialTimeout is how long it may take to connect, and then how long a TLS handshake may.
	dialTimeout = 10 * time.Second
	// maxHeader bounds the header of an answer, in bytes.
	maxHeader = 64 << 10
	// endNoticed is how long it takes until a request notices that its context has ended.
	endNoticed = 250 * time.Millisecond
)

// keptConns asks for user ids over connections that it keeps. A login costs less than with net/http's client
// (BenchmarkVerify), because the caller's goroutine does all of it, and the buffers that held a password are
// cleared. It is safe for concurrent use; close must be called.
type keptConns struct {
	asked   *http.Request // what all requests have in common; never sent itself
	prefix  string        // of each request
	dial    func(ctx context.Context) (net.Conn, error)
	timeout time.Duration
	max     int // that are kept

	mu     sync.Mutex
	idle   []*keptConn // the last one has been idle for the shortest time
	sweep  *time.Timer
	closed bool
}

type keptConn struct {
	net.Conn
	ctx      context.Context // of the login that it is used for
	deadline time.Time       // of that

	limit  io.LimitedReader // of this, for one answer
	reader *bufio.Reader
	out    []byte
	plain  http.Response // the last answer, where it was the usual one, and its body
	body   plainBody
	since  time.Time // when it became idle
	used   bool
}

// errRedirect is a redirect, which net/http's client knows how to follow.
var errRedirect = errors.New("redirected")

// newKeptConns returns nil where requests take a way that only net/http's client knows: through a proxy, or
// to a name that is not ASCII.
func newKeptConns(n *Client, options Options, transport *http.Transport) *keptConns {
	asked, err := http.NewRequest(http.MethodGet, n.base.JoinPath(appPath, "uid").String(), nil) //nolint:noctx // it is never sent itself
	if err != nil || strings.ContainsFunc(asked.URL.Host+options.UserAgent, func(c rune) bool { return c < ' ' || c >= 0x7F }) {
		return nil
	}
	if transport.Proxy != nil {
		if proxy, err := transport.Proxy(asked); proxy != nil || err != nil {
			return nil
		}
	}
	prefix := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n", asked.URL.RequestURI(), strings.TrimSuffix(asked.URL.Host, ":"))
	if options.UserAgent != "" {
		prefix += "User-Agent: " + options.UserAgent + "\r\n"
	}
	address := net.JoinHostPort(asked.URL.Hostname(), portOf(asked.URL))
	k := &keptConns{asked: asked, prefix: prefix + "Authorization: Basic ", timeout: n.timeout, max: options.Concurrency}
	config := transport.TLSClientConfig.Clone()
	config.ServerName = asked.URL.Hostname()
	k.dial = func(ctx context.Context) (net.Conn, error) {
		conn, err := transport.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		conn = nonblock.Wrap(conn)
		if asked.URL.Scheme == "http" {
			return conn, nil
		}
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		encrypted := tls.Client(conn, config)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return encrypted, nil
	}
	return k
}

// ask sends one login and hands the answer to read, which need not read all of it. Its errors are errRedirect, read's, or of the
// connection, for explain.
func (k *keptConns) ask(ctx context.Context, credentials actors.Credentials, read func(*http.Response) error) error {
	deadline := time.Now().Add(k.timeout)
	for {
		c, err := k.take(ctx, deadline)
		if err != nil {
			return err
		}
		c.ctx, c.deadline = ctx, deadline
		_ = c.SetWriteDeadline(deadline)
		keep := false
		if err = c.send(k.prefix, credentials); err == nil {
			keep, err = c.receive(k.asked, read)
		} else if c.used && ctx.Err() == nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			_ = c.Close() // Nextcloud had closed it
			continue
		}
		if keep {
			k.keep(c)
		} else {
			_ = c.Close()
		}
		return err
	}
}

// explain says why a connection's error came about.
func (k *keptConns) explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		err = errNoAnswer
	}
	return fmt.Errorf("GET %s: %w", k.asked.URL, err)
}

// take returns an idle connection, or a new one.
func (k *keptConns) take(ctx context.Context, deadline time.Time) (*keptConn, error) {
	if c := k.takeIdle(); c != nil {
		return c, nil
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, err := k.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &keptConn{Conn: conn}
	c.limit.R = c
	c.reader = bufio.NewReader(&c.limit)
	return c, nil
}

func (k *keptConns) takeIdle() *keptConn {
	k.mu.Lock()
	defer k.mu.Unlock()
	last := len(k.idle) - 1
	if last < 0 {
		return nil
	}
	c := k.idle[last]
	k.idle[last] = nil
	k.idle = k.idle[:last]
	c.used = true
	return c
}

// keep keeps a connection for the next login.
func (k *keptConns) keep(c *keptConn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || len(k.idle) >= k.max {
		_ = c.Close()
		return
	}
	c.ctx, c.since = nil, time.Now()
	k.idle = append(k.idle, c)
	if k.sweep == nil {
		k.sweep = time.AfterFunc(idleTime, k.closeIdle)
	}
}

// closeIdle closes the connections that have been idle for long.
func (k *keptConns) closeIdle() {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := 0
	for old < len(k.idle) && time.Since(k.idle[old].since) >= idleTime {
		_ = k.idle[old].Close()
		old++
	}
	k.idle = append(k.idle[:0], k.idle[old:]...)
	k.sweep = nil
	if len(k.idle) > 0 && !k.closed {
		k.sweep = time.AfterFunc(time.Until(k.idle[0].since.Add(idleTime)), k.closeIdle)
	}
}

func (k *keptConns) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	for _, c := range k.idle {
		_ = c.Close()
	}
	k.idle = nil
	if k.sweep != nil {
		k.sweep.Stop()
	}
}

// Read waits until the deadline, or until the context has ended. It looks at that again and again: most answers come before it looks
// once, and a function that the context calls costs a login more.
func (c *keptConn) Read(into []byte) (n int, err error) {
	for {
		look := time.Now().Add(endNoticed)
		if look.After(c.deadline) {
			look = c.deadline
		}
		_ = c.SetReadDeadline(look)
		n, err = c.Conn.Read(into)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) || c.ctx.Err() != nil || !look.Before(c.deadline) {
			return n, err
		}
	}
}

// send sends a request and waits for the beginning of the answer.
func (c *keptConn) send(prefix string, credentials actors.Credentials) error {
	c.out = appendLogin(append(c.out[:0], prefix...), credentials)
	_, err := c.Write(c.out)
	clear(c.out[:cap(c.out)])
	if err != nil {
		return err
	}
	c.limit.N = maxHeader + maxComplaint
	_, err = c.reader.Peek(1)
	return err
}

// appendLogin appends the rest of a request, behind "Authorization: Basic ". Nothing else holds the password
// afterwards.
func appendLogin(out []byte, credentials actors.Credentials) []byte {
	password := credentials.Password.Reveal()
	var short [128]byte
	plain := append(append(append(short[:0], credentials.Login...), ':'), password...)
	size := base64.StdEncoding.EncodedLen(len(plain)) + len(credentials.Forwarded) + 64
	if cap(out)-len(out) < size {
		out = append(make([]byte, 0, len(out)+size), out...)
	}
	out = base64.StdEncoding.AppendEncode(out, plain)
	clear(plain)
	clear(short[:])
	if credentials.Forwarded != "" {
		out = append(append(out, "\r\nX-Forwarded-For: "...), credentials.Forwarded...)
	}
	return append(out, "\r\n\r\n"...)
}

// receive reads an answer, and reports whether the connection can be used again.
func (c *keptConn) receive(asked *http.Request, read func(*http.Response) error) (reusable bool, err error) {
	came, _ := c.reader.Peek(c.reader.Buffered())
	if body, plain := plainAnswer(came); plain {
		c.body.rest = body
		c.plain = http.Response{StatusCode: http.StatusOK, Body: &c.body, Request: asked}
		err = read(&c.plain)
		_, _ = c.reader.Discard(len(came))
		return true, err
	}
	response, err := http.ReadResponse(c.reader, asked) //nolint:bodyclose // the connection is kept or closed as a whole
	for err == nil && response.StatusCode/100 == 1 && response.StatusCode != http.StatusSwitchingProtocols {
		response, err = http.ReadResponse(c.reader, asked) //nolint:bodyclose // as above
	}
	if err != nil {
		return false, err
	}
	if response.StatusCode/100 == 3 && response.Header.Get("Location") != "" {
		return false, errRedirect
	}
	body := &answerBody{Reader: response.Body}
	response.Body = body
	err = read(response)
	if body.err != nil && !errors.Is(body.err, io.EOF) {
		return false, body.err
	}
	return errors.Is(body.err, io.EOF) && !response.Close && c.reader.Buffered() == 0, err
}

// answerBody is the body of an answer. It is not read on when it is closed, as net/http would.
type answerBody struct {
	io.Reader
	err error // of the last Read
}

func (b *answerBody) Read(into []byte) (n int, err error) {
	n, b.err = b.Reader.Read(into)
	return n, b.err
}

// Close does nothing.
func (b *answerBody) Close() error { return nil }
