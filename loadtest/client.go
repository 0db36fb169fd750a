package loadtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	push "github.com/notifypush/notifypush/client"
)

// client is one simulated client. It dials, shakes hands, logs in and stays; it answers pings and counts what it is told.
// When its connection ends it waits, as real clients do, and dials again.
//
// It has no goroutine: it runs in that of whoever sends to it, mostly the poller, and never blocks.
type client struct {
	// Immutable
	fleet *fleet
	index int32 // in the fleet
	user  int32

	// Owned by Receive
	stage    stage
	ramping  bool // takes one of the places for those that connect at once
	leaving  bool // comes back only when it is told to dial
	stalled  bool // does not read
	socket   int32
	dialed   int64
	partial  []byte // the beginning of a frame, or of the answer to the handshake
	sequence sequence
	lastFile uint64 // the last id of a file
	backoff  push.Backoff
}

type stage int8

const (
	away stage = iota
	fetchingToken
	connecting
	upgrading
	loggingIn
	online
)

// What a client is told.
type (
	dial   struct{}                     // connect, unless connected
	retry  struct{}                     // the same, unless the client has left
	token  struct{ err error }          // the token that was asked for can be used now
	ready  struct{ ended bool }         // something has happened at the socket, its end for one
	cut    struct{}                     // lose the connection, as when a proxy drops it, and come back
	leave  struct{}                     // hang up, and stay away
	visit  struct{ away time.Duration } // hang up, unless away already, and come back after about that time
	stall  struct{}                     // stop reading
	resume struct{}                     // read again
)

// Receive handles one message.
func (c *client) Receive(ctx actor.Context) {
	switch message := ctx.Message().(type) {
	case dial:
		c.onDial(ctx.Self())
	case retry:
		c.onRetry(ctx.Self())
	case token:
		c.onToken(message.err)
	case ready:
		c.onReady(message.ended)
	case cut:
		c.onCut()
	case leave:
		c.onLeave()
	case visit:
		c.onVisit(message.away)
	case stall:
		c.onStall()
	case resume:
		c.onResume()
	}
}

// onDial is the ramp's turn for this client.
func (c *client) onDial(self *actor.PID) {
	if c.stage != away {
		c.fleet.leaveRamp()
		return
	}
	c.ramping, c.leaving = true, false
	c.begin(self)
}

func (c *client) onRetry(self *actor.PID) {
	if c.stage == away && !c.leaving {
		c.begin(self)
	}
}

func (c *client) begin(self *actor.PID) {
	c.dialed = now()
	c.fleet.counts.change(func(t *tally) { t.Dials++ })
	if c.fleet.tokens != nil {
		c.stage = fetchingToken
		c.fleet.tokens.fetch(self, c.index, c.user)
		return
	}
	c.connect()
}

// onToken may come when the client has left meanwhile.
func (c *client) onToken(err error) {
	if c.stage != fetchingToken {
		return
	}
	if err != nil {
		c.lost(err)
		return
	}
	c.connect()
}

func (c *client) connect() {
	fd, err := dialSocket(c.fleet.local(c.index), c.fleet.roster.Address)
	if err != nil {
		c.lost(err)
		return
	}
	c.stage, c.socket = connecting, int32(fd)
	if err := c.fleet.poller.watch(fd, c.index); err != nil {
		c.lost(err)
	}
}

// onReady may come for nothing, when what happened has been dealt with already.
func (c *client) onReady(ended bool) {
	switch c.stage {
	case away, fetchingToken:
	case connecting:
		c.shakeHands()
	default:
		c.read(ended)
	}
}

func (c *client) shakeHands() {
	switch err := writeSocket(int(c.socket), c.fleet.request); {
	case errors.Is(err, errAgain): // not connected yet
	case err != nil:
		c.lost(err)
	default:
		c.stage = upgrading
	}
}

// read takes what has arrived. It is called at the latest when something more arrives, so a read that leaves room in the
// buffer was the last, unless what is left is the end, which may have come together with the bytes before it.
func (c *client) read(ended bool) {
	if c.stalled {
		return
	}
	buffer := c.fleet.buffers.Get().(*[]byte)
	defer c.fleet.buffers.Put(buffer)
	for {
		n, err := readSocket(int(c.socket), *buffer)
		if err != nil {
			if !errors.Is(err, errAgain) {
				c.lost(err)
			}
			return
		}
		if err := c.take((*buffer)[:n]); err != nil {
			c.lost(err)
			return
		}
		if n < len(*buffer) && !ended || c.stage == away {
			return
		}
	}
}

// take handles all complete frames and keeps the beginning of the next.
func (c *client) take(data []byte) error {
	at := now()
	if len(c.partial) > 0 {
		data = append(c.partial, data...)
		c.partial = nil
	}
	if c.stage == upgrading {
		rest, err := c.upgrade(data)
		if err != nil || c.stage == upgrading {
			return err
		}
		data = rest
	}
	for {
		frame, size, err := cutFrame(data)
		if err != nil {
			return err
		}
		if size == 0 {
			c.partial = append(c.partial, data...)
			return nil
		}
		data = data[size:]
		if err := c.onFrame(frame, at); err != nil {
			return err
		}
	}
}

const maxHandshake = 8 << 10 // bytes of the server's answer

func (c *client) upgrade(data []byte) (rest []byte, err error) {
	answer, rest, complete := bytes.Cut(data, []byte("\r\n\r\n"))
	if !complete {
		if len(data) > maxHandshake {
			return nil, errors.New("the answer to the handshake does not end")
		}
		c.partial = append(c.partial, data...)
		return nil, nil
	}
	if err := checkHandshake(answer); err != nil {
		return nil, err
	}
	c.stage = loggingIn
	return rest, writeSocket(int(c.socket), c.login())
}

// login is the two messages that log in.
func (c *client) login() []byte {
	user, password := userName(c.user), password
	if c.fleet.tokens != nil {
		user, password = "", tokenOf(c.fleet.roster.TokenPrefix, c.index)
	}
	b := appendFrame(make([]byte, 0, 64), opText, []byte(user))
	return appendFrame(b, opText, []byte(password))
}

func (c *client) onFrame(f frame, at int64) error {
	switch f.opcode {
	case opText:
		if c.stage == loggingIn {
			return c.onAnswer(f.payload)
		}
		c.onPush(f.payload, at)
	case opPing:
		if len(f.payload) > maxControl {
			return errFrame
		}
		c.fleet.counts.change(func(t *tally) { t.Pings++ })
		return writeSocket(int(c.socket), appendFrame(nil, opPong, f.payload))
	case opClose:
		code := f.payload[:min(len(f.payload), 2)]
		_ = writeSocket(int(c.socket), appendFrame(nil, opClose, code)) // the answer that the server waits for (RFC 6455, 5.5.1)
		return closedByServer(code)
	}
	return nil
}

const maxControl = 125 // bytes in a control frame (RFC 6455, 5.5)

func closedByServer(payload []byte) error {
	if len(payload) < 2 {
		return errors.New("closed by the server without a code")
	}
	return fmt.Errorf("closed by the server with %d", binary.BigEndian.Uint16(payload))
}

func (c *client) onAnswer(text []byte) error {
	if string(text) != "authenticated" {
		c.fleet.counts.change(func(t *tally) { t.Refused++ })
		return fmt.Errorf("refused: %s", text)
	}
	c.stage = online
	c.backoff.Reset()
	c.fleet.counts.login(c.dialed)
	c.settled()
	if !c.fleet.roster.FileIDs {
		return nil
	}
	return writeSocket(int(c.socket), appendFrame(nil, opText, []byte("listen notify_file_id")))
}

func (c *client) onPush(text []byte, at int64) {
	counts := c.fleet.counts
	if e, ok := parseStamp(text); ok {
		c.onStamp(e, at)
		return
	}
	if ids, ok := fileIDs(text); ok {
		for id := range bytes.SplitSeq(ids, []byte{','}) {
			c.onFile(id, at)
		}
		return
	}
	if kind, ok := untimed(text); ok {
		counts.delivered(kind, 0, at)
		return
	}
	counts.change(func(t *tally) {
		t.Strange++
		t.Sample = strings.ToValidUTF8(string(text[:min(len(text), 80)]), "?")
	})
}

// onFile takes an id that comes twice in a row for a push that came twice.
func (c *client) onFile(digits []byte, at int64) {
	id, _, _ := cutNumber(digits, math.MaxUint64)
	if id == c.lastFile {
		c.fleet.counts.change(func(t *tally) { t.Duplicates++ })
		return
	}
	c.lastFile = id
	to, due := parseFileID(id, at)
	if !to.is(c.user) {
		c.fleet.counts.change(func(t *tally) { t.Misdelivered++ })
		return
	}
	c.fleet.counts.delivered(File, due, at)
}

func (c *client) onStamp(e stamp, at int64) {
	if !e.to.is(c.user) {
		c.fleet.counts.change(func(t *tally) { t.Misdelivered++ })
		return
	}
	switch c.sequence.see(e) {
	case inOrder:
		c.fleet.counts.delivered(Custom, e.at, at)
	case outOfOrder:
		c.fleet.counts.delivered(Custom, e.at, at)
		c.fleet.counts.change(func(t *tally) { t.OutOfOrder++ })
	case duplicate:
		c.fleet.counts.change(func(t *tally) { t.Duplicates++ })
	}
}

// lost comes back after a while, unless the client is leaving.
func (c *client) lost(reason error) {
	c.fleet.counts.change(func(t *tally) { t.Endings[reason.Error()]++ })
	c.hangUp()
	c.settled()
	if !c.leaving {
		c.fleet.later(c.backoff.Next(), c.index)
	}
}

// settled makes room for the next that connects.
func (c *client) settled() {
	if c.ramping {
		c.ramping = false
		c.fleet.leaveRamp()
	}
}

func (c *client) hangUp() {
	if c.stage == online {
		c.fleet.counts.change(func(t *tally) { t.Online-- })
	}
	if c.stage >= connecting {
		closeSocket(int(c.socket))
	}
	c.stage, c.partial, c.stalled = away, nil, false
}

func (c *client) onCut() {
	if c.stage >= connecting {
		c.hangUp()
		c.settled()
		c.fleet.later(c.backoff.Next(), c.index)
	}
}

// goodbye is a close frame with the code of a page that is left (RFC 6455, 7.4.1).
var goodbye = []byte{0x03, 0xE9}

func (c *client) onLeave() {
	c.leaving = true
	if c.stage >= upgrading {
		_ = writeSocket(int(c.socket), appendFrame(nil, opClose, goodbye))
	}
	c.hangUp()
	c.settled()
}

// onVisit leaves, and comes back after a random time.
func (c *client) onVisit(length time.Duration) {
	if c.stage == away {
		return
	}
	c.onLeave()
	c.leaving = false
	c.fleet.later(rand.N(2*length+1), c.index)
}

func (c *client) onStall() { c.stalled = c.stage == online }

func (c *client) onResume() {
	if c.stalled {
		c.stalled = false
		c.read(true)
	}
}
