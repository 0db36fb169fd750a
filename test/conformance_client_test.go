package test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/notifypush/notifypush/transport/frame"
)

// pushClient is a websocket client of the daemon under test, which reads all the time.
type pushClient struct {
	t     *testing.T
	ws    *websocket.Conn
	conn  net.Conn // below ws, for what no websocket library would send
	heard chan heardText
	err   error // why nothing more can be heard; set before heard is closed
}

type heardText struct {
	text string
	at   time.Time
}

// endpoint is where a client finds a daemon.
type endpoint struct {
	network, address string // to connect to
	url              string
	options          websocket.DialOptions // may be the zero value
}

// dial opens a websocket at the daemon's port, and says nothing yet. Headers are in pairs of name and value.
func (p *pushServer) dial(path string, headers ...string) *pushClient {
	p.t.Helper()
	e := endpoint{network: "tcp", address: p.address(), url: "ws://" + p.address() + path}
	e.options.HTTPHeader = http.Header{}
	for i := 0; i < len(headers); i += 2 {
		e.options.HTTPHeader.Add(headers[i], headers[i+1])
	}
	c, _ := dialEndpoint(p.t, e)
	return c
}

func dialEndpoint(t *testing.T, e endpoint) (*pushClient, *http.Response) {
	t.Helper()
	c := &pushClient{t: t, heard: make(chan heardText, 1<<14)}
	if e.options.HTTPClient == nil {
		e.options.HTTPClient = &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (_ net.Conn, err error) {
				c.conn, err = new(net.Dialer).DialContext(ctx, e.network, e.address)
				return c.conn, err
			},
		}}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, response, err := websocket.Dial(ctx, e.url, &e.options)
	require.NoError(t, err)
	c.ws = ws
	c.ws.SetReadLimit(16 << 20)
	go c.read(t.Context())
	t.Cleanup(func() {
		_ = c.ws.CloseNow()
		for range c.heard { // until read has ended
		}
	})
	return c, response
}

func (c *pushClient) read(ctx context.Context) {
	defer close(c.heard)
	for {
		kind, message, err := c.ws.Read(ctx)
		if err == nil && kind != websocket.MessageText {
			err = fmt.Errorf("a message of kind %v", kind)
		}
		if err != nil {
			c.err = err
			return
		}
		c.heard <- heardText{string(message), time.Now()}
	}
}

// login opens a websocket and logs a user in.
func (p *pushServer) login(user string) *pushClient {
	p.t.Helper()
	c := p.dial("/ws")
	c.logIn(user, passwordOf(user))
	return c
}

// loginForIDs is login by a client that wants the ids of files.
func (p *pushServer) loginForIDs(user string) *pushClient {
	p.t.Helper()
	c := p.login(user)
	c.say("listen notify_file_id")
	c.settle()
	return c
}

// loginRefused is what a login is answered with: the only message, and after it TCP ends without a close frame.
func (p *pushServer) loginRefused(user, password string) (text string) {
	p.t.Helper()
	c := p.dial("/ws")
	c.say(user, password)
	text = c.hear()
	require.EqualValues(p.t, -1, c.closed(), "no close frame before authenticated")
	return text
}

func (c *pushClient) logIn(user, password string) {
	c.t.Helper()
	c.say(user, password)
	c.expect("authenticated")
}

func (c *pushClient) say(texts ...string) {
	c.t.Helper()
	for _, text := range texts {
		require.NoError(c.t, c.ws.Write(c.t.Context(), websocket.MessageText, []byte(text)))
	}
}

// sendRaw sends bytes as they are.
func (c *pushClient) sendRaw(data []byte) {
	c.t.Helper()
	_, err := c.conn.Write(data)
	require.NoError(c.t, err)
}

// settle returns when the daemon has dealt with everything that the client said: it answers a ping that comes after.
func (c *pushClient) settle() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	require.NoError(c.t, c.ws.Ping(ctx))
}

// next is the next message, and when it came.
func (c *pushClient) next() heardText {
	c.t.Helper()
	select {
	case message, open := <-c.heard:
		if !open {
			c.t.Fatalf("the connection ended instead of a message: %v", c.err)
		}
		return message
	case <-time.After(patience):
		c.t.Fatal("no message comes")
	}
	return heardText{}
}

func (c *pushClient) hear() string {
	c.t.Helper()
	return c.next().text
}

// expect hears exactly these messages next.
func (c *pushClient) expect(texts ...string) {
	c.t.Helper()
	for _, text := range texts {
		require.Equal(c.t, text, c.hear())
	}
}

// closed waits for the end of the connection, before which nothing more may come, and returns the code of the close frame; -1 is none.
func (c *pushClient) closed() websocket.StatusCode {
	c.t.Helper()
	select {
	case message, open := <-c.heard:
		if open {
			c.t.Fatalf("%q instead of the end of the connection", message.text)
		}
	case <-time.After(patience):
		c.t.Fatal("the connection does not end")
	}
	return websocket.CloseStatus(c.err)
}

// rawClient speaks the websocket protocol by hand, and reads only when asked to.
type rawClient struct {
	t      *testing.T
	conn   net.Conn
	reader *bufio.Reader
}

// handshake is a websocket handshake as clients send it. Further header lines each begin with a line end.
func handshake(path string, lines ...string) string {
	request := "GET " + path + " HTTP/1.1\r\nHost: push.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
	for _, line := range lines {
		request += "\r\n" + line
	}
	return request + "\r\n\r\n"
}

// dialRaw connects, and sends bytes.
func (p *pushServer) dialRaw(first string) *rawClient {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.address())
	require.NoError(p.t, err)
	p.t.Cleanup(func() { conn.Close() })
	require.NoError(p.t, conn.SetReadDeadline(time.Now().Add(4*patience)))
	c := &rawClient{p.t, conn, bufio.NewReader(conn)}
	c.send([]byte(first))
	return c
}

// open shakes hands in the same segment in which the frames are.
func (p *pushServer) open(frames ...[]byte) *rawClient {
	p.t.Helper()
	first := handshake("/ws")
	for _, frame := range frames {
		first += string(frame)
	}
	c := p.dialRaw(first)
	require.Equal(p.t, http.StatusSwitchingProtocols, c.response().StatusCode)
	return c
}

func (c *rawClient) send(data []byte) {
	c.t.Helper()
	_, err := c.conn.Write(data)
	require.NoError(c.t, err)
}

func (c *rawClient) response() *http.Response {
	c.t.Helper()
	response, err := http.ReadResponse(c.reader, nil)
	require.NoError(c.t, err)
	return response
}

// frame reads the next frame.
func (c *rawClient) frame() (opcode frame.Opcode, payload string) {
	c.t.Helper()
	var head [2]byte
	_, err := io.ReadFull(c.reader, head[:])
	require.NoError(c.t, err)
	length := uint64(head[1])
	if extended := map[byte]int{126: 2, 127: 8}[head[1]]; extended > 0 {
		var number [8]byte
		_, err := io.ReadFull(c.reader, number[8-extended:])
		require.NoError(c.t, err)
		length = binary.BigEndian.Uint64(number[:])
	}
	text := make([]byte, length)
	_, err = io.ReadFull(c.reader, text)
	require.NoError(c.t, err)
	return frame.Opcode(head[0] & 0x0F), string(text)
}

func (c *rawClient) expectText(want string) {
	c.t.Helper()
	opcode, payload := c.frame()
	require.Equal(c.t, frame.Text, opcode)
	require.Equal(c.t, want, payload)
}

// expectEnd reads until the daemon has closed the connection, before which nothing more may come.
func (c *rawClient) expectEnd() {
	c.t.Helper()
	rest, _ := io.ReadAll(c.reader) // a reset is an end, too
	require.Empty(c.t, rest)
}

func textFrame(payload string) []byte {
	return testkit.ClientFrame(testkit.Final|byte(frame.Text), payload)
}

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

// exchange sends a request over a unix socket, and returns the whole response.
func exchange(t *testing.T, socket, request string) string {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte(request))
	require.NoError(t, err)
	response, err := io.ReadAll(conn)
	require.NoError(t, err)
	return string(response)
}

// trusting is an HTTP client that takes any certificate, and keeps no connection.
func trusting() *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the test's own
		DisableKeepAlives: true,
	}}
}
