package actors

import (
	"sync/atomic"
	"time"

	"github.com/notifypush/notifypush/internal/logthrottle"
	"go.uber.org/zap"
)

// Hooks tell a host what happens; any may be nil, and one that is nil costs nothing.
//
// They are called one at a time and in order, from one goroutine, some time after what they tell: OnConnect
// before the OnMessage of that connection, and those before its OnClose. They may block, and may call the
// System, Shutdown excepted. What comes while hooksQueue calls wait is dropped, counted in Stats.HooksDropped
// and logged; pushes and messages are dropped as soon as half of them wait, so that what clients send does not
// drop logins and ends. Shutdown waits for the calls that are queued, until its ctx ends.
type Hooks struct {
	OnLogin   func(LoginReport)
	OnConnect func(Connection)
	OnPush    func(PushReport)
	OnMessage func(ClientMessage)
	OnClose   func(Connection, CloseReason)
}

// LoginReport is the outcome of System.Authenticate.
type LoginReport struct {
	Name     string // as it was typed; empty with a token
	Identity        // who that is; its User is empty where Err is not nil
	Err      error
	Source   LoginSource
	Duration time.Duration
}

// LoginSource is who answered a login.
type LoginSource int

// The sources of answers.
const (
	FromToken    LoginSource = iota // a TokenIssued
	FromMemory                      // what is remembered of an earlier answer, or the end of the system
	FromVerifier                    // the Verifier was asked
)

func (s LoginSource) String() string {
	return [...]string{"token", "memory", "verifier"}[min(max(s, 0), FromVerifier)]
}

// PushReport says that a push was handed to the connections of a user.
type PushReport struct {
	User        string
	Kind        Kind
	Connections int
	// Latency is the time since the event was taken from its source, the lookup of who sees a file included;
	// the debounce comes after it.
	Latency time.Duration
}

// ClientMessage is a text that a client sent after its login, "listen notify_file_id" excepted, which is the
// server's own.
type ClientMessage struct {
	Connection Connection
	Text       string
}

const (
	// hooksQueue is how many calls of hooks may wait.
	hooksQueue = 4096
	// hooksTexts bounds the texts of clients that wait among them, in bytes.
	hooksTexts = 4 << 20
)

// hooks is the queue of calls of Hooks. nil is that of a host that has none. All methods are safe for
// concurrent use, and none blocks but close.
type hooks struct {
	Hooks
	system  *System
	queue   chan func()
	texts   atomic.Int64 // bytes in the queue
	dropped *logthrottle.Line
	done    chan struct{} // closed to end run
	ended   chan struct{} // closed by run
}

func newHooks(system *System, of *Hooks) *hooks {
	if of == nil || of.OnLogin == nil && of.OnConnect == nil && of.OnPush == nil && of.OnMessage == nil && of.OnClose == nil {
		return nil
	}
	return &hooks{Hooks: *of, system: system, queue: make(chan func(), hooksQueue), done: make(chan struct{}), ended: make(chan struct{}),
		dropped: logthrottle.New(system.log, time.Minute, "hooks too slow: calls dropped", "hook")}
}

// run calls hooks until close, and then what is queued.
func (h *hooks) run() {
	defer close(h.ended)
	for open := true; open || len(h.queue) > 0; {
		select {
		case call := <-h.queue:
			h.call(call)
		case <-h.done:
			open = false
		}
	}
}

func (h *hooks) call(call func()) {
	_ = h.system.guarded("hook", func() error { call(); return nil })
}

// close waits until all that is queued was called.
func (h *hooks) close() {
	if h != nil {
		close(h.done)
		<-h.ended
	}
}

func (h *hooks) add(hook string, most int, call func()) (added bool) {
	if len(h.queue) < most {
		select {
		case h.queue <- call:
			return true
		default:
		}
	}
	h.system.counters.hooksDropped.Add(1)
	h.dropped.Warn(hook, zap.Int("queue", hooksQueue))
	return false
}

func (h *hooks) loggedIn(to *authenticate, login *Login, err error, source LoginSource) {
	if h == nil || h.OnLogin == nil {
		return
	}
	report := LoginReport{Name: to.name, Err: err, Source: source, Duration: h.system.now() - to.askedAt}
	if login != nil && err == nil {
		report.Identity = login.Identity
	}
	h.add("OnLogin", hooksQueue, func() { h.OnLogin(report) })
}

func (h *hooks) connected(c *connection) {
	if h != nil && h.OnConnect != nil {
		connection := c.describe()
		h.add("OnConnect", hooksQueue, func() { h.OnConnect(connection) })
	}
}

func (h *hooks) closed(c *connection, reason CloseReason) {
	if h != nil && h.OnClose != nil {
		connection := c.describe()
		h.add("OnClose", hooksQueue, func() { h.OnClose(connection, reason) })
	}
}

func (h *hooks) received(c *connection, payload []byte) {
	if h == nil || h.OnMessage == nil {
		return
	}
	message, size := ClientMessage{c.describe(), string(payload)}, int64(len(payload))
	most := hooksQueue / 2
	if h.texts.Add(size) > hooksTexts {
		most = 0
	}
	if !h.add("OnMessage", most, func() { h.texts.Add(-size); h.OnMessage(message) }) {
		h.texts.Add(-size)
	}
}

// micros is a time in microseconds, modulo some 71 minutes, and never 0: enough to measure how long a push takes.
type micros uint32

func toMicros(at time.Duration) micros { return max(micros(at/time.Microsecond), 1) } //nolint:gosec // G115: it is meant to wrap

// stamp has a push remember when its event came, for pushed.
func (h *hooks) stamp(p *push, at time.Duration) *push {
	if h == nil || h.OnPush == nil {
		return p
	}
	stamped := *p
	stamped.at = toMicros(at)
	return &stamped
}

// eventTime is when an event came that comes now; 0 where nobody asks.
func (h *hooks) eventTime() time.Duration {
	if h == nil || h.OnPush == nil {
		return 0
	}
	return h.system.now()
}

func (h *hooks) pushed(user string, p *push, connections int) {
	if h == nil || h.OnPush == nil {
		return
	}
	report := PushReport{User: user, Kind: p.kind, Connections: connections}
	if p.at > 0 {
		report.Latency = time.Duration(toMicros(h.system.now())-p.at) * time.Microsecond
	}
	h.add("OnPush", hooksQueue/2, func() { h.OnPush(report) })
}
