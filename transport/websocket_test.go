package transport

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/internal/testkit"
	"github.com/notifypush/notifypush/internal/testkit/certtest"
	"github.com/notifypush/notifypush/transport/frame"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// patience is how long a test waits for what must come; on a healthy machine it takes milliseconds.
const patience = time.Minute

// bench is a websocket server on a real listener, with fake ports behind it.
type bench struct {
	*actorstest.Kit
	websocket *Websocket
	address   net.Addr
	secure    bool
	chain     string // X-Forwarded-For of handshakes
	holds     atomic.Int32
}

func newBench(t *testing.T, listener net.Listener, options WebsocketOptions) *bench {
	t.Helper()
	kit := actorstest.Start(t, func(o *actors.Options) { o.NoDebounce, o.NoResync, o.DrainTimeout = true, true, new(time.Duration) })
	handler, err := NewWebsocket(kit.System, options)
	require.NoError(t, err)
	b := &bench{Kit: kit, websocket: handler, address: listener.Addr()}
	handler.hold = func() time.Duration { b.holds.Add(1); return 0 }
	t.Cleanup(func() {
		kit.System.Shutdown(t.Context())
		handler.Close()
	})
	server := NewServer(handler, nil)
	serveBy(t, server, handler.Intercept(server, listener))
	return b
}

// inHost serves the websocket as a host does that has its own server.
func (b *bench) inHost(t *testing.T) *bench {
	listener := loopback(t)
	serve(t, listener, b.websocket)
	b.address = listener.Addr()
	return b
}

func loopback(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return listener
}

// wire is a client that sends and sees every byte.
type wire struct {
	net.Conn
	t      *testing.T
	reader *bufio.Reader
}

const wireHandshake = "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: https://localhost\r\n\r\n"

// dial connects and sends the handshake and what comes after it in one segment.
func (b *bench) dial(t *testing.T, after ...[]byte) *wire {
	t.Helper()
	conn, err := net.Dial(b.address.Network(), b.address.String())
	require.NoError(t, err)
	if b.secure {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	w := &wire{conn, t, bufio.NewReader(conn)}
	w.send(append([][]byte{b.handshake()}, after...)...)
	response, err := http.ReadResponse(w.reader, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, response.StatusCode)
	require.Equal(t, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", response.Header.Get("Sec-WebSocket-Accept"))
	require.Empty(t, response.Header.Get("Sec-WebSocket-Extensions"))
	return w
}

func (b *bench) handshake() []byte {
	if b.chain == "" {
		return []byte(wireHandshake)
	}
	return []byte(strings.Replace(wireHandshake, "Origin:", "X-Forwarded-For: "+b.chain+"\r\nOrigin:", 1))
}

// shakeHands tries a handshake, and returns the answer.
func (b *bench) shakeHands(t *testing.T) testkit.Reply {
	t.Helper()
	conn, err := net.Dial(b.address.Network(), b.address.String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write(b.handshake())
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	return testkit.Reply{Status: response.StatusCode, Header: response.Header}
}

func (b *bench) login(t *testing.T, user string) *wire {
	t.Helper()
	w := b.dial(t, text(user), text("secret"))
	require.Equal(t, "authenticated", w.text())
	return w
}

func (w *wire) send(frames ...[]byte) {
	w.t.Helper()
	_, err := w.Write(slices.Concat(frames...))
	require.NoError(w.t, err)
}

// frame reads one frame of the server, which must not be masked.
func (w *wire) frame() (frame.Frame, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(w.reader, head); err != nil {
		return frame.Frame{}, err
	}
	length := int(head[1])
	switch length {
	case 126, 127:
		size := make([]byte, map[int]int{126: 2, 127: 8}[length])
		if _, err := io.ReadFull(w.reader, size); err != nil {
			return frame.Frame{}, err
		}
		length = 0
		for _, b := range size {
			length = length<<8 | int(b)
		}
	}
	require.Less(w.t, head[1], byte(0x80), "a server's frame is not masked")
	payload := make([]byte, length)
	_, err := io.ReadFull(w.reader, payload)
	return frame.Frame{Opcode: frame.Opcode(head[0] & 0x0F), Payload: payload}, err
}

func (w *wire) text() string {
	w.t.Helper()
	f, err := w.frame()
	require.NoError(w.t, err)
	require.Equal(w.t, frame.Text, f.Opcode, "%q", f.Payload)
	return string(f.Payload)
}

// ending reads the close frame, and that nothing comes after it; 0 is an end of TCP without one.
func (w *wire) ending() (code int) {
	w.t.Helper()
	f, err := w.frame()
	if errors.Is(err, io.EOF) {
		return 0
	}
	require.NoError(w.t, err)
	require.Equal(w.t, frame.Close, f.Opcode, "%q", f.Payload)
	_, err = w.frame()
	require.ErrorIs(w.t, err, io.EOF)
	return int(f.Payload[0])<<8 | int(f.Payload[1])
}

func text(s string) []byte { return testkit.ClientFrame(testkit.Final|1, s) }

// eventually waits for what becomes true in the server without the client seeing it.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, patience, time.Millisecond)
}

func (b *bench) closed(reason actors.CloseReason) func() bool {
	return func() bool { return b.System.Stats().Closed[reason] == 1 }
}

// onEveryTransport runs a test over TCP and a unix socket, which the poller reads, and over TLS,
// where a goroutine does.
func onEveryTransport(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Run("tcp", func(t *testing.T) { test(t, newBench(t, loopback(t), WebsocketOptions{})) })
	t.Run("in a host's server", func(t *testing.T) { test(t, newBench(t, loopback(t), WebsocketOptions{}).inHost(t)) })
	t.Run("unix", func(t *testing.T) {
		listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
		require.NoError(t, err)
		test(t, newBench(t, listener, WebsocketOptions{}))
	})
	t.Run("tls", func(t *testing.T) {
		cert, key := certtest.NewAuthority(t, t.TempDir()).Issue("localhost", "localhost")
		pair, err := tls.LoadX509KeyPair(cert, key)
		require.NoError(t, err)
		b := newBench(t, tls.NewListener(loopback(t), &tls.Config{Certificates: []tls.Certificate{pair}}), WebsocketOptions{})
		b.secure = true
		test(t, b)
	})
}

func TestClientIsLoggedInAndPushedTo(t *testing.T) {
	onEveryTransport(t, func(t *testing.T, b *bench) {
		w := b.dial(t, text(" alice\n"), text("secret "), text("listen notify_file_id"), text("nonsense"))
		require.Equal(t, "authenticated", w.text())
		w.send(testkit.ClientFrame(testkit.Final|9, "are you there?"))
		f, err := w.frame() // the answer comes after what was sent before the ping was read
		require.NoError(t, err)
		require.Equal(t, frame.Frame{Opcode: frame.Pong, Payload: []byte("are you there?")}, f)

		b.Mounts.Set(actors.Mount{Storage: 1, User: "alice", Root: "files"})
		b.Events.Emit("notify_storage_update", `{"storage":1,"path":"files/a","file_id":7}`)
		require.Equal(t, "notify_file_id [7]", w.text())
		long := strings.Repeat("long ", 20_000)
		b.Events.Emit("notify_custom", fmt.Sprintf(`{"user":"alice","message":%q}`, long))
		require.Equal(t, long, w.text())

		w.send(testkit.ClientFrame(testkit.Final|0xA, "nobody asked"), text("still here"), testkit.ClientFrame(testkit.Final|9, ""))
		f, err = w.frame()
		require.NoError(t, err)
		require.Equal(t, frame.Pong, f.Opcode)

		w.send(testkit.ClientFrame(testkit.Final|8, "\x03\xe9"))
		require.Equal(t, 1001, w.ending(), "its own code")
		eventually(t, b.closed(actors.ClosedByClient))
		eventually(t, func() bool { return b.System.Stats().ActiveConnections == 0 })
	})
}

// A client that reads late closes, and then finds a ping, which it has to answer: closing the socket would reset the connection.
func TestClientThatClosesIsSentWhatItHasYetToRead(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{})
	w := b.login(t, "alice")
	long := strings.Repeat("long ", 200_000)
	require.NoError(t, b.System.Publish(t.Context(), actors.Custom{User: "alice", Text: long}))
	_, err := w.reader.Peek(1)
	require.NoError(t, err)
	w.send(testkit.ClientFrame(testkit.Final|8, "\x03\xe8"))
	eventually(t, b.closed(actors.ClosedByClient))
	w.send(testkit.ClientFrame(testkit.Final|0xA, "ping"))
	require.Equal(t, long, w.text())
	require.Equal(t, 1000, w.ending())
}

func TestClientMayBeCutOff(t *testing.T) {
	onEveryTransport(t, func(t *testing.T, b *bench) {
		w := b.login(t, "alice")
		w.Close()
		eventually(t, b.closed(actors.ConnectionLost))
		eventually(t, func() bool { return b.System.Stats().ActiveUsers == 0 })
	})
}

func TestLoginIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		frames [][]byte
		text   string // empty: the end of TCP is all
		reason actors.CloseReason
	}{
		{"wrong password", [][]byte{text("alice"), text("guess")}, "err: Invalid credentials", actors.InvalidCredentials},
		{"unknown token", [][]byte{text(""), text("token")}, "err: Invalid credentials", actors.InvalidCredentials},
		{"binary name", [][]byte{testkit.ClientFrame(testkit.Final|2, "alice")}, "err: Invalid authentication message", actors.InvalidLoginMessage},
		{"binary password", [][]byte{text("alice"), testkit.ClientFrame(testkit.Final|2, "secret")}, "err: Invalid authentication message", actors.InvalidLoginMessage},
		{"name too long", [][]byte{text(strings.Repeat("a", readLimitBeforeLogin+1))}, "", actors.MessageTooBig},
		{"header that promises gigabytes", [][]byte{{testkit.Final | 1, 0xFF, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4}}, "", actors.MessageTooBig},
		{"not UTF-8", [][]byte{text("\xff")}, "", actors.TextInvalid},
		{"not masked", [][]byte{{testkit.Final | 1, 1, 'a'}}, "", actors.ProtocolViolated},
		{"not frames at all", [][]byte{[]byte("GET / HTTP/1.1\r\n\r\n")}, "", actors.ProtocolViolated},
		{"hangs up", [][]byte{text("alice"), testkit.ClientFrame(testkit.Final|8, "")}, "", actors.ClosedByClient},
		{"goes away", [][]byte{text("alice"), testkit.ClientFrame(testkit.Final|8, "\x03\xe9bye")}, "", actors.ClosedByClient},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, loopback(t), WebsocketOptions{})
			w := b.dial(t, test.frames...)
			if test.text != "" {
				require.Equal(t, test.text, w.text())
			}
			require.Zero(t, w.ending(), "no close frame before authenticated")
			require.True(t, b.closed(test.reason)())
			require.Zero(t, b.System.Stats().TotalConnections)
			held := test.reason != actors.ClosedByClient // others may be back at once
			require.Equal(t, held, b.holds.Load() == 1)
		})
	}
}

func TestLoginIsToldAtDebugLevel(t *testing.T) {
	core, logged := observer.New(zap.DebugLevel)
	b := newBench(t, loopback(t), WebsocketOptions{Logger: zap.New(core)})
	b.login(t, "alice")
	eventually(t, func() bool { return logged.FilterMessage("client logged in").Len() == 1 })
	require.Equal(t, map[string]any{"user": "alice", "client": "127.0.0.1"}, logged.FilterMessage("client logged in").All()[0].ContextMap())
}

// Of IPv6 a whole network is one client for the limits, but not in the log.
func TestLogNamesTheClient(t *testing.T) {
	core, logged := observer.New(zap.DebugLevel)
	b := newBench(t, loopback(t), WebsocketOptions{Logger: zap.New(core), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	b.chain = "2001:db8::7"
	b.login(t, "alice")
	require.Equal(t, "err: Invalid credentials", b.dial(t, text("alice"), text("guess")).text())
	for _, line := range []string{"client logged in", "login refused"} {
		eventually(t, func() bool { return logged.FilterMessage(line).Len() == 1 })
		require.Equal(t, "2001:db8::7", logged.FilterMessage(line).All()[0].ContextMap()["client"])
	}
}

// far is a listener to which clients come from far away.
type far struct{ net.Listener }

type farConn struct{ net.Conn }

func (f far) Accept() (net.Conn, error) {
	conn, err := f.Listener.Accept()
	return farConn{conn}, err
}

func (farConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP("2001:db8::7"), Port: 7} }

func TestLogNamesAConnectionRefusedUnread(t *testing.T) {
	core, logged := observer.New(zap.DebugLevel)
	listener := loopback(t)
	b := newBench(t, loopback(t), WebsocketOptions{Logger: zap.New(core), Limits: Limits{Sockets: 1}})
	server := &http.Server{Handler: NewHandler(b.websocket, nil, "1.2.3")}
	go func() { _ = server.Serve(b.websocket.Intercept(server, far{listener})) }()
	t.Cleanup(func() { server.Close() })
	for range 2 {
		conn, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
	}
	eventually(t, func() bool { return logged.FilterMessage("login refused").Len() == 1 })
	require.Equal(t, "2001:db8::7", logged.FilterMessage("login refused").All()[0].ContextMap()["client"])
}

func TestLogNamesNoClientOfASocketWithoutAddress(t *testing.T) {
	core, logged := observer.New(zap.DebugLevel)
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	b := newBench(t, listener, WebsocketOptions{Logger: zap.New(core)})
	b.login(t, "alice")
	eventually(t, func() bool { return logged.FilterMessage("client logged in").Len() == 1 })
	require.Equal(t, map[string]any{"user": "alice"}, logged.FilterMessage("client logged in").All()[0].ContextMap())
}

// A second reason is logged as its own, and not counted as one more of the first.
func TestRefusalsAreToldByReason(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	b := newBench(t, loopback(t), WebsocketOptions{Logger: zap.New(core)})
	require.Equal(t, "err: Invalid credentials", b.dial(t, text("alice"), text("guess")).text())
	require.Equal(t, "err: Invalid authentication message", b.dial(t, testkit.ClientFrame(testkit.Final|2, "x")).text())
	lines := func() []observer.LoggedEntry { return logged.FilterMessage("login refused").All() }
	eventually(t, func() bool { return len(lines()) == 2 })
	require.Equal(t, "invalid_credentials", lines()[0].ContextMap()["reason"])
	require.Equal(t, "invalid_login_message", lines()[1].ContextMap()["reason"])
}

func TestLoginMayComeInPieces(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{})
	w := b.dial(t)
	for _, one := range slices.Concat(testkit.ClientFrame(1, "al"), testkit.ClientFrame(testkit.Final|9, "?"), testkit.ClientFrame(testkit.Final, "ice"), text("secret")) {
		w.send([]byte{one})
	}
	f, err := w.frame()
	require.NoError(t, err)
	require.Equal(t, frame.Frame{Opcode: frame.Pong, Payload: []byte("?")}, f)
	require.Equal(t, "authenticated", w.text())
}

func TestLoginTakesTooLong(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{loginTimeout: time.Millisecond})
	w := b.dial(t)
	require.Equal(t, "Authentication timeout", w.text())
	require.Zero(t, w.ending())
	require.True(t, b.closed(actors.LoginTimeout)())
}

// A host that serves before the system has started does no harm.
func TestClientBeforeStart(t *testing.T) {
	kit := actorstest.New(t, nil)
	handler, err := NewWebsocket(kit.System, WebsocketOptions{})
	require.NoError(t, err)
	t.Cleanup(handler.Close)
	listener := loopback(t)
	serve(t, listener, handler)
	b := &bench{Kit: kit, address: listener.Addr()}
	handler.hold = func() time.Duration { return 0 }
	require.Zero(t, b.dial(t, text("alice"), text("secret")).ending())
	kit.System.Start()
	t.Cleanup(func() { kit.System.Shutdown(t.Context()) })
	b.login(t, "alice")
}

func TestNextcloudFails(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{})
	b.Verifier.Fail(&net.OpError{Op: "dial", Err: errors.New("no route")}) // as if it were of the client's connection
	w := b.dial(t, text("alice"), text("secret"))
	require.Equal(t, "err: Error while sending authentication request to nextcloud: dial: no route", w.text())
	require.Zero(t, w.ending())
	require.True(t, b.closed(actors.LoginNotVerified)())
	require.EqualValues(t, 1, b.holds.Load(), "it may be back at once")
}

func TestClientIsWatchedWhileNextcloudThinks(t *testing.T) {
	onEveryTransport(t, func(t *testing.T, b *bench) {
		b.Verifier.Block()
		patient, gone := b.dial(t, text("alice"), text("secret")), b.dial(t, text("bob"), text("secret"))
		eventually(t, func() bool { return len(b.Verifier.Calls()) == 2 })
		patient.send(testkit.ClientFrame(testkit.Final|9, "still?"))
		f, err := patient.frame()
		require.NoError(t, err)
		require.Equal(t, frame.Pong, f.Opcode)
		gone.Close()
		eventually(t, b.closed(actors.ConnectionLost))
		patient.send(text("listen notify_file_id"))
		b.Verifier.Unblock()
		require.Equal(t, "authenticated", patient.text())
		b.Mounts.Set(actors.Mount{Storage: 1, User: "alice"})
		patient.send(testkit.ClientFrame(testkit.Final|9, "now")) // read after the text before it
		_, err = patient.frame()
		require.NoError(t, err)
		b.Events.Emit("notify_storage_update", `{"storage":1,"path":"a","file_id":7}`)
		require.Equal(t, "notify_file_id [7]", patient.text())
	})
}

func TestTooManyConnectionsOfUser(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{})
	for range 64 {
		b.login(t, "alice")
	}
	w := b.dial(t, text("alice"), text("secret"))
	require.Equal(t, "Connection limit exceeded for user", w.text(), "it is the only message")
	require.Zero(t, w.ending())
	require.True(t, b.closed(actors.TooManyOfUser)())
	require.EqualValues(t, 1, b.holds.Load(), "it may be back at once")
	require.EqualValues(t, 64, b.System.Stats().ActiveConnections)
	b.login(t, "bob")
}

func TestLoggedInClientMisbehaves(t *testing.T) {
	tests := []struct {
		name   string
		bytes  []byte
		code   int
		reason actors.CloseReason
	}{
		{"binary", testkit.ClientFrame(testkit.Final|2, "x"), 1003, actors.MessageUnsupported},
		{"too big", testkit.ClientFrame(testkit.Final|1, strings.Repeat("x", readLimit+1))[:100], 1009, actors.MessageTooBig},
		{"not UTF-8", text("\xff"), 1007, actors.TextInvalid},
		{"no frame", []byte("hello there"), 1002, actors.ProtocolViolated},
		{"closes with half a code", testkit.ClientFrame(testkit.Final|8, "\x03"), 1002, actors.ProtocolViolated},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, loopback(t), WebsocketOptions{})
			other, w := b.login(t, "alice"), b.login(t, "alice")
			w.send(test.bytes)
			require.Equal(t, test.code, w.ending())
			require.True(t, b.closed(test.reason)())
			b.Events.Emit("notify_activity", `{"user":"alice"}`)
			require.Equal(t, "notify_activity", other.text())
		})
	}
}

func TestClientThatDoesNotRead(t *testing.T) {
	onEveryTransport(t, func(t *testing.T, b *bench) {
		lazy, busy := b.login(t, "alice"), b.login(t, "alice")
		const each, most = 64 << 10, 1000
		sent := 0
		for ; b.System.Stats().Closed[actors.TooSlow] == 0 && sent < most; sent++ {
			b.Events.Emit("notify_custom", fmt.Sprintf(`{"user":"alice","message":"%d %s"}`, sent, strings.Repeat("x", each)))
			require.Equal(t, fmt.Sprint(sent), strings.Fields(busy.text())[0], "in order, and none is missing")
		}
		require.Less(t, sent, most, "the lazy one is closed")
		for next := 0; ; next++ {
			f, err := lazy.frame()
			if err != nil || f.Opcode == frame.Close {
				break
			}
			require.Equal(t, fmt.Sprint(next), strings.Fields(string(f.Payload))[0])
		}
	})
}

func TestWriteIsFinishedWhenTheClientReadsOn(t *testing.T) {
	onEveryTransport(t, func(t *testing.T, b *bench) {
		w := b.login(t, "alice")
		const count, size = 15, 64 << 10 // more than the kernel takes, less than the outbox
		for i := range count {
			b.Events.Emit("notify_custom", fmt.Sprintf(`{"user":"alice","message":"%d %s"}`, i, strings.Repeat("x", size)))
		}
		eventually(t, func() bool { return b.System.Stats().MessagesSent[actors.KindCustom] == count })
		for i := range count {
			require.Equal(t, fmt.Sprint(i), strings.Fields(w.text())[0])
		}
		b.Events.Emit("notify_activity", `{"user":"alice"}`)
		require.Equal(t, "notify_activity", w.text())
	})
}

// narrow is a listener of connections for which the kernel keeps little.
type narrow struct{ net.Listener }

const narrowBuffer = 16 << 10

func (n narrow) Accept() (net.Conn, error) {
	conn, err := n.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return conn, conn.(*net.TCPConn).SetWriteBuffer(narrowBuffer)
}

// Bursts that the kernel has no room for are no reason to close a client that reads: 1 MiB may wait.
func TestBurstsToAHealthyClient(t *testing.T) {
	b := newBench(t, narrow{loopback(t)}, WebsocketOptions{})
	w := b.login(t, "alice")
	require.NoError(t, w.Conn.(*net.TCPConn).SetReadBuffer(narrowBuffer))
	const bursts, count, size = 7, 15, 64 << 10
	for burst := range bursts {
		for i := range count {
			b.Events.Emit("notify_custom", fmt.Sprintf(`{"user":"alice","message":"%d %s"}`, i, strings.Repeat("x", size)))
		}
		eventually(t, func() bool { return b.System.Stats().MessagesSent[actors.KindCustom] == uint64((burst+1)*count) })
		for i := range count {
			require.Equal(t, fmt.Sprint(i), strings.Fields(w.text())[0])
		}
		w.send(testkit.ClientFrame(testkit.Final|9, "is nothing left?")) // answered when all was written
		f, err := w.frame()
		require.NoError(t, err)
		require.Equal(t, frame.Pong, f.Opcode)
	}
}

func TestNoRoom(t *testing.T) {
	tests := []struct {
		name    string
		limits  Limits
		trusted []netip.Prefix
		refused bool
	}{
		{"connections", Limits{Connections: 1}, nil, true},
		{"logins", Limits{Logins: 1}, nil, true},
		{"logins of an address", Limits{LoginsPerAddress: 1}, nil, true},
		{"logins of a proxy", Limits{LoginsPerAddress: 1}, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, false},
		{"none", Limits{}, nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, loopback(t), WebsocketOptions{Limits: test.limits, TrustedProxies: test.trusted})
			first := b.dial(t)
			if !test.refused {
				b.dial(t)
				return
			}
			second := b.shakeHands(t)
			require.Equal(t, http.StatusServiceUnavailable, second.Status)
			require.Equal(t, retryAfter, second.Header.Get("Retry-After"))
			first.Close()
			eventually(t, func() bool { return b.websocket.Weight() == 0 })
			b.dial(t)
		})
	}
}

func TestLimitAddress(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7":               "192.0.2.7",
		"2001:db8:1:2:3:4:5:6":    "2001:db8:1::",
		"2001:db8:1:ff:ffff::1":   "2001:db8:1::",
		"2001:db8:1:100:ffff::1":  "2001:db8:1:100::",
		"fe80::1:2:3:4%interface": "fe80::",
	} {
		require.Equal(t, want, limitAddress(netip.MustParseAddr(address)).String())
	}
	require.False(t, limitAddress(netip.Addr{}).IsValid(), "over a unix socket there is none")
}

func TestGuesserHasToWait(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	tests := []struct {
		name     string
		listener net.Listener
		trusted  []netip.Prefix
		chain    string
		waits    bool
	}{
		{"a client", loopback(t), nil, "", true},
		{"a proxy that does not say for whom", loopback(t), trusted, "", false},
		{"somebody behind a proxy", loopback(t), trusted, "192.0.2.1", true},
		{"a gateway behind a proxy", loopback(t), trusted, "10.1.2.3", false},
		{"a proxy on a unix socket that does not say for whom", unix, trusted, "", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, test.listener, WebsocketOptions{TrustedProxies: test.trusted})
			b.chain = test.chain
			for i := range freeFailures {
				require.Equal(t, textInvalidCredentials, b.dial(t, text("alice"), text(fmt.Sprint("guess", i))).text())
			}
			eventually(t, func() bool { return b.System.Stats().Closed[actors.InvalidCredentials] == freeFailures })
			reply := b.shakeHands(t)
			if !test.waits {
				require.Equal(t, http.StatusSwitchingProtocols, reply.Status)
				return
			}
			require.Equal(t, http.StatusTooManyRequests, reply.Status)
			require.NotEmpty(t, reply.Header.Get("Retry-After"))
		})
	}
}

// home is where the tests' clients come from.
var home = netip.MustParseAddr("127.0.0.1")

// A guess counts when it is made, and not when its socket was opened.
func TestGuesserWithOpenSocketsHasToWait(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{})
	w := b.dial(t)
	for range 2 * freeFailures {
		b.websocket.rateLimit.refused(attempt{own: rateKey{address: home}}, time.Now())
	}
	w.send(text("alice"), text("secret"))
	require.Zero(t, w.ending(), "and not whether that was right")
	require.True(t, b.closed(actors.AddressThrottled)())
	require.Empty(t, b.Verifier.Calls())
}

// Nextcloud's verdict counts, and not whether the client waits for it.
func TestGuesserWhoHangsUpHasToWait(t *testing.T) {
	for name, verdict := range map[string]error{
		"refused":                actors.ErrInvalidCredentials,
		"throttled by Nextcloud": actors.ErrThrottled,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, loopback(t), WebsocketOptions{})
			b.Verifier.Block()
			b.Verifier.Fail(verdict)
			for i := range freeFailures {
				w := b.dial(t, text("alice"), text(fmt.Sprint("guess", i)))
				eventually(t, func() bool { return len(b.Verifier.Calls()) == i+1 })
				w.Close()
			}
			eventually(t, func() bool { return b.System.Stats().Closed[actors.ConnectionLost] == freeFailures })
			require.Equal(t, http.StatusSwitchingProtocols, b.shakeHands(t).Status)
			b.Verifier.Unblock()
			eventually(t, func() bool { return b.shakeHands(t).Status == http.StatusTooManyRequests })
		})
	}
}

// Tokens are not heard of while Redis is away, so an office full of browsers is not taken for a guesser.
func TestTokenUnheardIsNobodysFault(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{})
	b.Events.Refuse(errors.New("away"))
	b.Events.Lose(errors.New("away"))
	eventually(t, func() bool { return b.System.Problems()["redis"] != "" })
	var browsers []*wire
	for i := range 2 * freeFailures {
		browsers = append(browsers, b.dial(t, text(""), text(fmt.Sprint("token", i))))
	}
	for _, w := range browsers {
		require.Equal(t, textInvalidCredentials, w.text())
	}
	eventually(t, func() bool { return b.System.Stats().Closed[actors.InvalidCredentials] == 2*freeFailures })
	require.Equal(t, http.StatusSwitchingProtocols, b.shakeHands(t).Status)
}

func TestGuesserWithALoginHasToWait(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{})
	for i := range 6 * freeFailures {
		if b.shakeHands(t).Status == http.StatusTooManyRequests {
			return
		}
		if i%freeFailures == freeFailures-1 {
			b.login(t, "mallory").Close()
			continue
		}
		require.Equal(t, textInvalidCredentials, b.dial(t, text("alice"), text(fmt.Sprint("guess", i))).text())
	}
	require.Fail(t, "the guesser never had to wait")
}

func TestShutdownTellsClients(t *testing.T) {
	onEveryTransport(t, func(t *testing.T, b *bench) {
		w := b.login(t, "alice")
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.System.Shutdown(t.Context())
		}()
		require.Equal(t, 1012, w.ending())
		<-done
	})
}

// Before a client has logged in its connection ends without a close frame, also at a shutdown.
func TestShutdownEndsLogins(t *testing.T) {
	onEveryTransport(t, func(t *testing.T, b *bench) {
		b.Verifier.Block()
		waiting, silent := b.dial(t, text("alice"), text("secret")), b.dial(t)
		eventually(t, func() bool { return len(b.Verifier.Calls()) == 1 })
		b.websocket.EndLogins()
		require.Zero(t, waiting.ending())
		require.Zero(t, silent.ending())
		eventually(t, func() bool { return b.System.Stats().Closed[actors.ShuttingDown] == 2 })
		require.Zero(t, b.dial(t, text("bob"), text("secret")).ending(), "nor do those that come later log in")
		require.Zero(t, b.holds.Load())
		b.Verifier.Unblock()
	})
}

// A host's server may still hand over a client that has come while the Websocket was closed.
func TestClientThatComesAfterClose(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{}).inHost(t)
	b.websocket.Close()
	require.Zero(t, b.dial(t, text("alice"), text("secret")).ending())
	eventually(t, func() bool { return b.System.Stats().Closed[actors.ShuttingDown] == 1 })
}

func TestCloseMayComeTwice(t *testing.T) {
	kit := actorstest.New(t, nil)
	w, err := NewWebsocket(kit.System, WebsocketOptions{})
	require.NoError(t, err)
	w.EndLogins()
	w.Close()
	w.EndLogins()
	w.Close()
}

// A gateway's address stands for many clients: what one of them does wrong is not held against the others.
func TestGatewayAddressIsNotOneClient(t *testing.T) {
	core, logged := observer.New(zap.WarnLevel)
	b := newBench(t, loopback(t), WebsocketOptions{
		Logger:         zap.New(core),
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12")},
		Limits:         Limits{LoginsPerAddress: 1},
	})
	b.chain = "172.17.0.1"
	for i := range freeFailures {
		require.Equal(t, textInvalidCredentials, b.dial(t, text("alice"), text(fmt.Sprint("guess", i))).text())
	}
	eventually(t, func() bool { return b.System.Stats().Closed[actors.InvalidCredentials] == freeFailures })
	limited := b.dial(t, text("Alice"), text("secret"))
	require.Zero(t, limited.ending())
	require.True(t, b.closed(actors.AddressThrottled)())
	for range 3 {
		b.dial(t) // more than one address may have
	}
	b.login(t, "bob")
	eventually(t, func() bool { return logged.FilterMessage("login refused").Len() > 0 })
	require.Equal(t, "172.17.0.1", logged.FilterMessage("login refused").All()[0].ContextMap()["gateway address"])
}

// An address that stands for many is named once, with the line to change.
func TestGatewayIsNamedOnce(t *testing.T) {
	for name, test := range map[string]struct {
		listed         []netip.Prefix
		chain          string
		address, line  string
		remainsUnnamed bool
	}{
		"a proxy that says nothing":  {nil, "", "127.0.0.1", "proxy_set_header X-Forwarded-For $remote_addr;", false},
		"a proxy that nobody listed": {nil, "203.0.113.1, 172.17.0.1", "172.17.0.1", "'trusted_proxies' => ['172.17.0.1']", false},
		"a listed proxy that says nothing": {[]netip.Prefix{netip.MustParsePrefix("172.17.0.1/32")}, "172.17.0.1", "172.17.0.1",
			"proxy_set_header X-Forwarded-For $remote_addr;", false},
		"a client": {nil, "172.17.0.1, 203.0.113.1", "", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			core, logged := observer.New(zap.WarnLevel)
			b := newBench(t, loopback(t), WebsocketOptions{Logger: zap.New(core), PrivateProxies: true, TrustedProxies: test.listed})
			b.chain = test.chain
			named := func() []observer.LoggedEntry { return logged.FilterMessage("many clients may share one address").All() }
			b.login(t, "alice")
			require.Empty(t, named(), "nothing is wrong yet")
			for i := range 3 {
				require.Equal(t, textInvalidCredentials, b.dial(t, text("alice"), text(fmt.Sprint("guess", i))).text())
			}
			eventually(t, func() bool { return b.System.Stats().Closed[actors.InvalidCredentials] == 3 })
			if test.remainsUnnamed {
				require.Empty(t, named())
				return
			}
			eventually(t, func() bool { return len(named()) > 0 }) // a log is written aside
			require.Len(t, named(), 1)
			require.Equal(t, test.address, named()[0].ContextMap()["gateway address"])
			require.Contains(t, named()[0].ContextMap()["advice"], test.line)
		})
	}
}

// Guesses that came in one burst are not all asked of Nextcloud: those in the queue have to wait as soon as enough
// were refused.
func TestBurstOfGuesses(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{})
	b.Verifier.Block()
	const burst = 200
	var guesses []*wire
	for i := range burst {
		guesses = append(guesses, b.dial(t, text("alice"), text(fmt.Sprint("guess", i))))
	}
	eventually(t, func() bool { s := b.System.Stats(); return s.LoginsInFlight == 16 && s.LoginsWaiting == burst-16 })
	b.Verifier.Unblock()
	for _, w := range guesses {
		_, _ = w.reader.WriteTo(io.Discard)
	}
	eventually(t, func() bool { return b.System.Stats().Closed[actors.AddressThrottled] >= burst-16-freeFailures })
	require.LessOrEqual(t, len(b.Verifier.Calls()), 16+freeFailures)
}

// Guesses at one name from many addresses: that has to wait, but not where it has logged in from before.
func TestGuessersFromManyAddresses(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{PrivateProxies: true})
	from := func(chain string) *bench {
		b.chain = chain
		return b
	}
	const home = "198.51.100.1"
	from(home).login(t, "alice")
	for i := range freeFailuresOfName + 3 { // then they wait for 8 s
		b.websocket.noteAnswer(newAttempt(nil, origin{client: netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})}, "alice"), false, actors.ErrInvalidCredentials)
	}
	asked := len(b.Verifier.Calls())
	require.Zero(t, from("192.0.2.1").dial(t, text("Alice"), text("secret")).ending(), "and not whether that was right")
	require.True(t, b.closed(actors.AddressThrottled)())
	require.Len(t, b.Verifier.Calls(), asked)
	from("192.0.2.1").login(t, "bob")
	from(home).login(t, "alice")
}

// While Nextcloud has an address locked out, a login is not let in from there because it is remembered.
func TestAddressThatNextcloudLocksOut(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{PrivateProxies: true})
	b.chain = "192.0.2.1"
	b.login(t, "alice")
	b.login(t, "alice")
	require.Len(t, b.Verifier.Calls(), 1, "it is remembered")
	b.Verifier.Fail(fmt.Errorf("%w: %w", actors.ErrOneLogin, actors.ErrThrottled))
	require.Contains(t, b.dial(t, text("alice"), text("guess")).text(), textNotVerified)
	require.Equal(t, http.StatusTooManyRequests, b.shakeHands(t).Status)

	waited := func() {
		b.websocket.rateLimit.mu.Lock()
		defer b.websocket.rateLimit.mu.Unlock()
		for _, f := range b.websocket.rateLimit.keys {
			f.until = time.Now()
		}
	}
	waited()
	require.Contains(t, b.dial(t, text("alice"), text("secret")).text(), textNotVerified)
	require.Len(t, b.Verifier.Calls(), 3)
	b.chain = "192.0.2.2"
	b.login(t, "alice")
	require.Len(t, b.Verifier.Calls(), 3, "elsewhere it counts")

	b.chain = "192.0.2.1"
	waited()
	require.NoError(t, b.System.Publish(t.Context(), actors.TokenIssued{User: "bob", Token: "token"}))
	require.Equal(t, "authenticated", b.dial(t, text(""), text("token")).text())
	require.Contains(t, b.dial(t, text("alice"), text("secret")).text(), textNotVerified, "a token is no verdict of Nextcloud's")
	waited()
	b.Verifier.Fail(nil)
	b.login(t, "alice")
	b.login(t, "alice")
	require.Len(t, b.Verifier.Calls(), 5, "Nextcloud has let it in, and it is remembered again")
}

// A client whose login was refused takes a place of its address as long as its connection is held.
func TestRefusedLoginsCountUntilTheyAreGone(t *testing.T) {
	b := newBench(t, loopback(t), WebsocketOptions{Limits: Limits{LoginsPerAddress: 3}})
	b.websocket.hold = func() time.Duration { return time.Hour }
	for i := range 3 {
		require.Equal(t, textInvalidCredentials, b.dial(t, text("alice"), text(fmt.Sprint("guess", i))).text())
	}
	require.Equal(t, http.StatusServiceUnavailable, b.shakeHands(t).Status)
	b.websocket.held.close()
	eventually(t, func() bool { return b.shakeHands(t).Status == http.StatusSwitchingProtocols })
}

// broken is a listener: the second Read of its first connection panics.
type broken struct {
	net.Listener
	accepted atomic.Int32
}

type brokenConn struct {
	net.Conn
	reads int
}

func (l *broken) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if l.accepted.Add(1) > 1 {
		return conn, err
	}
	return &brokenConn{Conn: conn}, err
}

func (c *brokenConn) Read(into []byte) (int, error) {
	if c.reads++; c.reads == 2 {
		panic("broken")
	}
	return c.Conn.Read(into)
}

func TestPanicOfALoginEndsOneConnection(t *testing.T) {
	core, logged := observer.New(zap.ErrorLevel)
	b := newBench(t, &broken{Listener: loopback(t)}, WebsocketOptions{Logger: zap.New(core)})
	require.Zero(t, b.dial(t).ending())
	eventually(t, b.closed(actors.InternalFailure))
	require.Equal(t, 1, logged.FilterMessage("connection failed").Len())
	eventually(t, func() bool { return b.websocket.Weight() == 0 }) // its place is given back after it is counted
	b.login(t, "alice")
}
