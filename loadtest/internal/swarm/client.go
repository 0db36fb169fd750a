package swarm

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	push "github.com/notifypush/notifypush/client"
	"github.com/notifypush/notifypush/loadtest/internal/clock"
	"github.com/notifypush/notifypush/loadtest/internal/wire"
	"github.com/notifypush/notifypush/transport/frame"
)

// client is one simulated client: an actor without a goroutine. It runs in the goroutine that sends to it, mostly the poller's, and never
// blocks. When its connection ends it waits, as real clients do, and connects again. A panic stops it and makes the worker fail.
type client struct {
	// set once
	set   *clientSet
	index int32 // in the set
	user  int32

	// owned by Receive
	stage         stage
	ramping       bool // counts against the limit of those that connect at once
	leaving       bool // comes back only when it is asked to connect
	notReading    bool
	handshakeOnly bool // hangs up after the handshake
	endpoint      int8 // to which it goes
	untried       int8 // endpoints that this dial has not tried
	socket        int32
	since         int64  // when it began to connect or, online, had logged in; in µs since 1970
	lostAt        int64  // when it lost the connection in which it was logged in; 0 when it has hung up itself
	partial       []byte // the beginning of a frame, or of the answer to the handshake
	credentials   *Credentials
	sequence      sequence
	lastFile      uint64 // the last id of a file
	backoff       push.Backoff
}

type stage int8

const (
	offline stage = iota
	fetching
	connecting
	upgrading
	loggingIn
	refused // the server has said so, and has yet to end the connection
	online
)

// The messages to a client.
type (
	connect struct{ handshakeOnly bool } // unless connected
	retry   struct{}                     // connect, unless connected or asked to leave
	fetched struct {                     // the credentials that were asked for
		credentials *Credentials
		err         error
	}
	ready  struct{ ended bool }         // something has happened at the socket; ended: nothing more will come
	drop   struct{}                     // lose the connection, as when a proxy drops it, and come back
	leave  struct{}                     // hang up, and stay away
	visit  struct{ away time.Duration } // hang up, and come back after about that time
	pause  struct{}                     // stop reading
	resume struct{}                     // read again
)

// Receive handles one message.
func (c *client) Receive(ctx actor.Context) {
	switch message := ctx.Message().(type) {
	case connect:
		c.onConnect(ctx.Self(), message.handshakeOnly)
	case retry:
		if c.stage == offline && !c.leaving {
			c.begin(ctx.Self())
		}
	case fetched:
		c.onFetched(message.credentials, message.err)
	case ready:
		c.onReady(message.ended)
	case drop:
		c.onDrop()
	case leave:
		c.onLeave()
	case visit:
		c.onVisit(message.away)
	case pause:
		c.notReading = c.stage == online
	case resume:
		if c.notReading {
			c.notReading = false
			c.read(true)
		}
	}
}

func (c *client) onConnect(self *actor.PID, handshakeOnly bool) {
	if c.stage != offline {
		c.set.leaveRamp()
		return
	}
	c.ramping, c.leaving, c.handshakeOnly = true, false, handshakeOnly
	c.begin(self)
}

func (c *client) begin(self *actor.PID) {
	c.since = clock.Now()
	c.set.record.change(func(n *Counters) { n.Dials++ })
	c.untried = int8(len(c.set.roster.Endpoints))
	if c.set.roster.Fetch != nil && !c.handshakeOnly {
		c.stage = fetching
		c.set.fetch(self, c.index, c.user)
		return
	}
	c.dial()
}

// onFetched may come when the client has left meanwhile.
func (c *client) onFetched(credentials *Credentials, err error) {
	if c.stage != fetching {
		return
	}
	if err != nil {
		c.lost(err)
		return
	}
	c.credentials = credentials
	c.dial()
}

// dial goes to the next endpoint in turn, and to the others when nobody listens there, as a balancer does.
func (c *client) dial() {
	c.untried--
	c.endpoint = c.set.nextEndpoint()
	to := c.set.roster.Endpoints[c.endpoint].Address
	fd, err := dialSocket(c.set.localAddress(c.index, to.Addr()), to)
	if err != nil {
		c.unreachable(err)
		return
	}
	c.stage, c.socket = connecting, int32(fd)
	if err := c.set.watch(fd, c.index); err != nil {
		c.lost(err)
	}
}

func (c *client) unreachable(err error) {
	if c.untried == 0 {
		c.lost(err)
		return
	}
	if c.stage == connecting {
		closeSocket(int(c.socket))
		c.stage = offline
	}
	c.dial()
}

// onReady may come after what happened has been dealt with already.
func (c *client) onReady(ended bool) {
	switch c.stage {
	case offline, fetching:
	case connecting:
		c.requestUpgrade()
	default:
		c.read(ended)
	}
}

func (c *client) requestUpgrade() {
	request := c.set.requests[c.endpoint]
	if c.credentials != nil && c.credentials.Header != nil {
		request = c.set.roster.Endpoints[c.endpoint].handshake(c.credentials.Header)
	}
	switch err := writeSocket(int(c.socket), request); {
	case errors.Is(err, errAgain): // not connected yet
	case err != nil:
		c.unreachable(err)
	default:
		c.stage = upgrading
	}
}

// read takes what has arrived. It is called again when something more arrives, so a read that leaves room in the buffer was the last,
// unless the end may have come together with the bytes before it.
func (c *client) read(ended bool) {
	if c.notReading {
		return
	}
	buffer := c.set.buffers.Get().(*[]byte)
	defer c.set.buffers.Put(buffer)
	for {
		n, err := readSocket(int(c.socket), *buffer)
		if err == nil {
			err = c.receive((*buffer)[:n])
		}
		if err != nil {
			if !errors.Is(err, errAgain) {
				c.lost(err)
			}
			return
		}
		if n < len(*buffer) && !ended || c.stage == offline {
			return
		}
	}
}

const (
	maxHandshake = 8 << 10 // bytes of the server's answer
	maxMessage   = 1 << 20 // bytes of a message of the server
)

// receive handles all complete frames and keeps the beginning of the next.
func (c *client) receive(data []byte) error {
	at := clock.Now()
	if len(c.partial) > 0 {
		data = append(c.partial, data...)
		c.partial = nil
	}
	if c.stage == upgrading {
		answer, rest, complete := bytes.Cut(data, []byte("\r\n\r\n"))
		if !complete {
			return c.keep(data, maxHandshake)
		}
		if err := c.onUpgrade(answer); err != nil {
			return err
		}
		data = rest
	}
	for c.stage != offline {
		f, size, err := frame.Cut(data, maxMessage)
		if err != nil {
			return err
		}
		if size == 0 {
			return c.keep(data, maxMessage+maxHandshake)
		}
		data = data[size:]
		if err := c.onFrame(f, at); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) keep(data []byte, limit int) error {
	if len(data) > limit {
		return errors.New("answer to the handshake too long")
	}
	c.partial = append(c.partial, data...)
	return nil
}

func (c *client) onUpgrade(answer []byte) error {
	if err := wire.CheckHandshake(answer); err != nil {
		return err
	}
	if c.handshakeOnly {
		c.set.record.change(func(n *Counters) { n.Handshakes++ })
		c.onLeave()
		return nil
	}
	c.stage = loggingIn
	err := writeSocket(int(c.socket), c.login())
	if refusedByPeer(err) {
		return nil // it has refused without waiting; what it says is still to be read
	}
	return err
}

// login is the messages that log in.
func (c *client) login() (b []byte) {
	messages := []string{wire.UserName(c.user), wire.Password}
	if c.credentials != nil {
		messages, c.credentials = c.credentials.Messages, nil
	}
	for _, message := range messages {
		b = frame.AppendMasked(b, frame.Text, message)
	}
	return b
}

func (c *client) onFrame(f frame.Frame, at int64) error {
	switch f.Opcode {
	case frame.Text:
		switch c.stage {
		case loggingIn:
			return c.onAnswer(string(f.Payload))
		case online:
			c.onPush(f.Payload, at)
		}
	case frame.Binary:
		return errors.New("binary message from the server")
	case frame.Ping:
		c.set.record.change(func(n *Counters) { n.Pings++ })
		return writeSocket(int(c.socket), frame.AppendMasked(nil, frame.Pong, string(f.Payload)))
	case frame.Close:
		code := f.Payload[:min(len(f.Payload), 2)]
		_ = writeSocket(int(c.socket), frame.AppendMasked(nil, frame.Close, string(code))) // the answer that the server waits for (RFC 6455, 5.5.1)
		if c.stage == refused {
			c.set.record.disconnected("close frame after a refusal: clients do not come back")
		}
		if len(code) < 2 {
			return errors.New("closed by the server without a code")
		}
		return fmt.Errorf("closed by the server with %d", frame.CloseCode(code))
	}
	return nil
}

func (c *client) onAnswer(text string) error {
	if text != "authenticated" {
		c.set.record.refused(text)
		c.stage = refused
		c.leaveRamp()
		return nil
	}
	c.stage = online
	c.backoff.Reset()
	at := clock.Now()
	c.set.record.login(c.since, c.lostAt, at)
	c.since, c.lostAt = at, 0
	c.leaveRamp()
	if !c.set.roster.FileIDs {
		return nil
	}
	return writeSocket(int(c.socket), frame.AppendMasked(nil, frame.Text, "listen notify_file_id"))
}

func (c *client) onPush(text []byte, at int64) {
	if stamp, ok := wire.ParseStamp(text); ok {
		c.onStamp(stamp, at)
		return
	}
	if ids, ok := wire.FileIDs(text); ok {
		for id := range ids {
			c.onFile(id, at)
		}
		return
	}
	if wire.IsUnstamped(text) {
		c.set.record.delivered(0, at)
		return
	}
	c.set.record.change(func(n *Counters) {
		n.Unexpected++
		n.Example = strings.ToValidUTF8(string(text[:min(len(text), 80)]), "?")
	})
}

// onFile takes an id that comes twice in a row for a push that came twice.
func (c *client) onFile(id uint64, at int64) {
	to, due := wire.ParseFileID(id, at)
	switch {
	case id == c.lastFile:
		c.set.record.change(func(n *Counters) { n.Duplicates++ })
	case !to.Includes(c.user):
		c.set.record.change(func(n *Counters) { n.Misdelivered++ })
	default:
		c.set.record.delivered(due, at)
	}
	c.lastFile = id
}

func (c *client) onStamp(stamp wire.Stamp, at int64) {
	if !stamp.To.Includes(c.user) {
		c.set.record.change(func(n *Counters) { n.Misdelivered++ })
		return
	}
	if g := c.sequence.before(stamp); g.events > 0 {
		c.set.record.missed(g, c.since)
	}
	switch c.sequence.see(stamp) {
	case outOfOrder:
		c.set.record.change(func(n *Counters) { n.OutOfOrder++ })
		fallthrough
	case inOrder:
		c.set.record.delivered(stamp.Due, at)
	case duplicate:
		c.set.record.change(func(n *Counters) { n.Duplicates++ })
	}
}

// lost ends the connection and comes back after a while, unless the client is leaving. A refusal has been counted already.
func (c *client) lost(reason error) {
	if c.stage != refused {
		c.set.record.disconnected(reason.Error())
	}
	c.loseLogin()
	c.hangUp()
	if !c.leaving {
		c.set.retryLater(c.backoff.Next(), c.index)
	}
}

// loseLogin notes since when a client is away against its will.
func (c *client) loseLogin() {
	if c.stage == online {
		c.lostAt = clock.Now()
	}
}

func (c *client) hangUp() {
	if c.stage == online {
		c.set.record.change(func(n *Counters) { n.Online-- })
	}
	if c.stage >= connecting {
		closeSocket(int(c.socket))
	}
	c.stage, c.partial, c.credentials, c.notReading = offline, nil, nil, false
	c.leaveRamp()
}

// leaveRamp lets the next client connect.
func (c *client) leaveRamp() {
	if c.ramping {
		c.ramping = false
		c.set.leaveRamp()
	}
}

func (c *client) onDrop() {
	if c.stage >= connecting {
		c.loseLogin()
		c.hangUp()
		c.set.retryLater(c.backoff.Next(), c.index)
	}
}

// goingAway is the payload of a browser's close frame (RFC 6455, 7.4.1).
const goingAway = "\x03\xE9"

func (c *client) onLeave() {
	c.leaving, c.lostAt = true, 0
	if c.stage >= upgrading {
		_ = writeSocket(int(c.socket), frame.AppendMasked(nil, frame.Close, goingAway))
	}
	c.hangUp()
}

func (c *client) onVisit(away time.Duration) {
	if c.stage == offline {
		return
	}
	c.onLeave()
	c.leaving = false
	c.set.retryLater(rand.N(2*away+1), c.index)
}
