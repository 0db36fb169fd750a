package actors

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/notifypush/notifypush/transport/frame"
)

const (
	// heartbeat is how long a connection may be silent before it is sent a ping, and how long the
	// client then has to answer.
	heartbeat = 30 * time.Second
	// lifetimeSpread is the part of --max-connection-time over which the endings are spread.
	lifetimeSpread = 4
	// flushSize is how many bytes wait for others to be written with.
	flushSize = 16 << 10
	// listenFileIDs is the one thing that a logged-in client may say.
	listenFileIDs = "listen notify_file_id"
)

var (
	// authenticatedFrame is a connection's first.
	authenticatedFrame = frame.Append(nil, frame.Text, "authenticated")
	// revokedFrame is the last of one whose credentials are good no more.
	revokedFrame = frame.Append(nil, frame.Text, "err: Invalid credentials")
)

// connection is the actor of one client's websocket. It begins with the attach message, is the only one that
// writes to its socket, which never blocks it, and ends by close, with a reason.
//
// Anybody may send to it at any time; it runs in the goroutine of its sender, one at a time (mailbox.go), and
// nobody else touches its fields but the timer wheel its entry. Its senders must not wait for it. An error of
// its socket ends it; if it panics, its supervisor stops it and the client comes back.
type connection struct {
	// set once, by its user or by the attach message
	system *System
	shard  *shard    // that its user belongs to
	turn   flushTurn // asks for a flush of itself
	login  *Login
	socket Socket

	// owned by Receive
	outbox     outbox
	wantsIDs   bool
	flushAsked bool
	writing    bool
	ending     bool        // as soon as everything is written
	endsFor    CloseReason // while ending
	closed     bool
	refreshing bool // at a time that the scheduler knows
	pinged     bool
	pushQueued bool    // since the last flush
	jitter     float32 // this connection's factor of the debounce time
	ping       uint32  // what the pong must carry

	since      time.Duration
	lastSent   time.Duration
	lastPush   time.Duration
	lifetime   time.Duration // when it is over; 0 is never
	pingSentAt time.Duration

	// guarded by the timer wheel
	wakeEntry wheelEntry
}

func (c *connection) Receive(ctx actor.Context) {
	defer c.system.reportPanic(ctx)
	switch m := ctx.Message().(type) {
	case *attach:
		c.onAttach(ctx, m)
	case *push:
		c.onPush(m)
	case *debounceDue:
		c.onDebounceDue()
	case *flush:
		c.onFlush()
	case *writeDone:
		c.onWriteDone(m)
	case *framesReceived:
		c.onFrames(m)
	case *wake:
		c.onWake()
	case *refreshAll:
		c.onRefresh(m)
	case *closeAll:
		c.onClose(m)
	case *loginRevoked:
		c.onLoginRevoked(m)
	case *describe:
		c.onDescribe(m)
	case *disconnect:
		c.system.sendAuth(&forgetLogin{login: c.login})
		c.end(Disconnected)
	case *socketEnded:
		c.close(m.reason)
	case *actor.Stopping:
		c.onStopping()
	}
}

func (c *connection) self() *actor.PID { return c.turn.connection }

func (c *connection) onAttach(ctx actor.Context, m *attach) {
	defer m.callback.answer(nil, nil) // after a panic: the socket is this connection's now
	c.turn.connection = ctx.Self()
	c.login, c.socket = m.login, m.socket
	c.system.running.Add(1)
	c.jitter = 0.5 + rand.Float32() //nolint:gosec // G404: jitter is no secret
	c.wakeEntry.pid = c.self()
	now := c.system.now()
	c.since = now
	if most := c.system.options.Load().MaxConnectionTime; most > 0 {
		c.lifetime = now + most - rand.N(most/lifetimeSpread+1) //nolint:gosec // G404: jitter is no secret
	}
	c.lifetime = earliest(c.lifetime, c.system.at(c.login.Until))
	c.system.counters.activeConnections.Add(1)
	c.system.counters.totalConnections.Add(1)
	c.system.sendAuth(&loginAttached{login: m.login})
	c.system.hooks.connected(c)
	c.lastSent = now // at the end of this
	c.scheduleWake(now)
	c.socket.Serve(Client{c.system, c.self()})
	m.callback.answer(nil, nil) // before the client knows, and may be back with another login
	c.send(authenticatedFrame)
}

func (c *connection) onPush(p *push) {
	if p.kind >= debounced || c.system.options.Load().NoDebounce {
		c.queuePush(p)
		c.flushInTurn()
		return
	}
	if due, first := c.outbox.debounce(p, c.wantsIDs, c.system.now(), c.interval(p.kind)); first {
		c.system.scheduler.add(due, c.self(), &debounceDue{})
	}
}

// interval returns the least time between two pushes of a kind: the more clients there are, the
// longer, and not the same for each.
func (c *connection) interval(kind Kind) time.Duration {
	if kind == KindNotification {
		return notificationInterval
	}
	base := time.Duration(c.system.counters.activeConnections.Load()) * time.Second / 10
	base = min(max(base, time.Second), *c.system.options.Load().MaxDebounceTime)
	return time.Duration(float64(base) * float64(c.jitter))
}

func (c *connection) onDebounceDue() {
	for _, p := range c.outbox.flush(c.system.now()) {
		c.queuePush(p)
	}
	c.askForTurn()
}

func (c *connection) queuePush(p *push) {
	if c.closed || c.ending {
		return
	}
	c.system.counters.sent[p.kind].Add(1)
	c.pushQueued = true
	c.queue(p.encoded(c.wantsIDs))
}

func (c *connection) send(frame []byte) {
	c.queue(frame)
	c.flushInTurn()
}

// queue has a frame written with the next flush. When that is long in coming, the frames before it don't
// wait for it.
func (c *connection) queue(frame []byte) {
	if c.outbox.size >= flushSize {
		c.onFlush()
	}
	if c.closed || c.ending {
		return
	}
	if !c.outbox.enqueue(frame) {
		c.close(TooSlow)
	}
}

// flushInTurn writes what is queued: at once where nothing waits in the registry, else with what follows.
func (c *connection) flushInTurn() {
	if c.shard.isIdle() {
		c.onFlush()
	} else {
		c.askForTurn()
	}
}

// askForTurn asks for a flush: the request goes once round through the registry, behind the pushes that
// are queued there, so that those leave in the same write.
func (c *connection) askForTurn() {
	if !c.flushAsked && !c.writing && !c.closed {
		c.flushAsked = true
		c.system.root.Send(c.shard.registry, &c.turn)
	}
}

func (c *connection) onFlush() {
	c.flushAsked = false
	if c.closed || c.writing {
		return
	}
	frames := c.outbox.take()
	if frames == nil {
		return
	}
	c.lastSent = c.system.now()
	if c.pushQueued {
		c.pushQueued, c.lastPush = false, c.lastSent
	}
	pending, err := c.socket.Write(frames)
	switch {
	case err != nil:
		c.close(ConnectionLost)
	case pending:
		c.writing = true
	default:
		c.outbox.written()
	}
}

func (c *connection) onWriteDone(m *writeDone) {
	c.writing = false
	if m.err != nil {
		c.close(ConnectionLost)
		return
	}
	c.outbox.written()
	c.onFlush()
	if c.ending && !c.writing {
		c.close(c.endsFor)
	}
}

func (c *connection) onFrames(m *framesReceived) {
	answered := false // pongs of one read leave in one write
	for _, f := range m.frames {
		if c.closed {
			return
		}
		switch f.Opcode {
		case frame.Text:
			if string(f.Payload) == listenFileIDs {
				c.wantsIDs = true
			} else {
				c.system.hooks.received(c, f.Payload)
			}
		case frame.Ping:
			c.queue(frame.Append(nil, frame.Pong, string(f.Payload)))
			answered = true
		case frame.Pong:
			c.onPong(f.Payload)
		case frame.Close:
			c.closeAs(ClosedByClient, frame.CloseCode(f.Payload))
		default:
			c.close(MessageUnsupported)
		}
	}
	if answered {
		c.flushInTurn()
	}
	if !c.closed {
		c.socket.Resume()
	}
}

func (c *connection) onPong(payload []byte) {
	switch {
	case !c.pinged: // unsolicited, which is allowed
	case len(payload) != 4 || binary.BigEndian.Uint32(payload) != c.ping:
		c.close(PongWrong)
	default:
		c.pinged = false
	}
}

// onWake looks at the heartbeat and the lifetime.
func (c *connection) onWake() {
	now := c.system.now()
	switch {
	case c.closed || c.ending:
		return
	case c.lifetime > 0 && now >= c.lifetime:
		c.end(LifetimeOver)
		return
	case c.pinged && now-c.pingSentAt >= heartbeat:
		c.close(PongMissing)
		return
	case !c.pinged && now-c.lastSent >= heartbeat:
		c.sendPing(now)
	}
	if !c.closed {
		c.scheduleWake(now)
	}
}

func (c *connection) sendPing(now time.Duration) {
	c.ping, c.pinged, c.pingSentAt, c.lastSent = rand.Uint32(), true, now, now //nolint:gosec // G404: the value of a ping is no secret
	var payload [4]byte
	binary.BigEndian.PutUint32(payload[:], c.ping)
	c.send(frame.Append(nil, frame.Ping, string(payload[:])))
}

func (c *connection) scheduleWake(now time.Duration) {
	next := c.lastSent + heartbeat
	if c.pinged {
		next = c.pingSentAt + heartbeat
	}
	c.system.wheel.schedule(&c.wakeEntry, earliest(next, c.lifetime)-now)
}

func (c *connection) onRefresh(m *refreshAll) {
	if m.within > 0 {
		if !c.refreshing {
			c.refreshing = true
			c.later(m.within, &refreshAll{})
		}
		return
	}
	c.refreshing = false
	for _, p := range []*push{filePush, activityPush, notificationPush} {
		c.onPush(p)
	}
}

func (c *connection) onClose(m *closeAll) {
	if m.within > 0 {
		c.later(m.within, &closeAll{reason: m.reason})
		return
	}
	c.end(m.reason)
}

// onLoginRevoked ends the connection if its credentials are those that Nextcloud refused. What is held is
// not sent any more.
func (c *connection) onLoginRevoked(m *loginRevoked) {
	if v := c.login.verified; c.ending || v == nil || v.digest != m.digest {
		return
	}
	c.outbox.flush(math.MaxInt64)
	c.queue(revokedFrame)
	c.end(InvalidCredentials)
}

// later sends the connection a message at a random moment within that time.
func (c *connection) later(within time.Duration, message any) {
	c.system.scheduler.add(c.system.now()+rand.N(within), c.self(), message) //nolint:gosec // G404: jitter is no secret
}

// end closes the connection after everything that was promised to the client, debounced pushes included.
// A client that doesn't read it all is cut off by the deadline of the socket's write.
func (c *connection) end(reason CloseReason) {
	if c.ending {
		return
	}
	for _, p := range c.outbox.flush(math.MaxInt64) {
		c.queuePush(p)
	}
	c.onFlush()
	if c.writing {
		c.ending, c.endsFor = true, reason
		return
	}
	c.close(reason)
}

// close ends the connection for a reason; the first one counts.
func (c *connection) close(reason CloseReason) { c.closeAs(reason, reason.Code()) }

// closeAs is close with another code in the close frame.
func (c *connection) closeAs(reason CloseReason, code int) {
	if c.closed {
		return
	}
	c.closed = true
	c.system.closed(reason, c.login)
	c.system.hooks.closed(c, reason)
	c.socket.Close(code, reason.Text())
	c.system.root.Stop(c.self())
}

// onDescribe answers after a panic of the socket, too.
func (c *connection) onDescribe(m *describe) {
	var answer Connection
	defer func() { m.answer <- answer }()
	answer = c.describe()
}

// describe returns what Connections lists.
func (c *connection) describe() Connection {
	d := Connection{ID: c.system.connectionID(c.self()), User: c.login.User, Tag: c.login.Tag, Since: c.system.started.Add(c.since)}
	if c.lastPush > 0 {
		d.LastPush = c.system.started.Add(c.lastPush)
	}
	if s, ok := c.socket.(interface{ Address() string }); ok {
		d.Address = s.Address()
	}
	if s, ok := c.socket.(interface{ UserAgent() string }); ok {
		d.UserAgent = s.UserAgent()
	}
	return d
}

func (c *connection) onStopping() {
	if c.socket == nil {
		return
	}
	defer c.system.running.Done()
	c.system.wheel.cancel(&c.wakeEntry)
	c.system.countEnd(&c.system.counters.activeConnections)
	c.system.sendAuth(&loginDetached{login: c.login})
	if c.system.stopping.Load() {
		c.close(ShuttingDown)
	}
	c.close(InternalFailure) // unless it ended in order
}
