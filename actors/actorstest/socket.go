package actorstest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/transport/frame"
)

// patience is how long the Await methods wait.
const patience = 10 * time.Second

// Socket is an actors.Socket without a network: it records the frames it is sent, decoded, and a
// test plays the client. It answers pings unless Mute is called. Misuse by the connection actor,
// such as a Write while one is pending, is a panic.
type Socket struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced with each change

	client  actors.Client
	served  bool
	reading bool
	input   []frame.Frame

	frames  []frame.Frame
	writes  int
	mute    bool
	stalled bool
	pending bool
	onWrite func() error

	closed bool
	code   int
	text   string
}

// NewSocket returns a Socket that takes whatever it is sent at once.
func NewSocket() *Socket { return &Socket{changed: make(chan struct{})} }

// Serve implements actors.Socket.
func (s *Socket) Serve(client actors.Client) {
	s.mu.Lock()
	s.client, s.served = client, true
	s.mu.Unlock()
	s.Resume()
}

// Resume implements actors.Socket.
func (s *Socket) Resume() {
	s.mu.Lock()
	s.reading = true
	s.mu.Unlock()
	s.deliver()
}

// Write implements actors.Socket.
func (s *Socket) Write(frames []byte) (pending bool, err error) {
	s.mu.Lock()
	onWrite := s.onWrite
	s.mu.Unlock()
	if onWrite != nil {
		if err := onWrite(); err != nil {
			return false, err
		}
	}
	pings, pending := s.record(frames)
	for _, ping := range pings {
		s.Send(frame.Frame{Opcode: frame.Pong, Payload: ping.Payload})
	}
	return pending, nil
}

func (s *Socket) record(encoded []byte) (pings []frame.Frame, pending bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending || s.closed {
		panic("Write while one is pending, or after Close")
	}
	for _, f := range decode(encoded) {
		s.frames = append(s.frames, f)
		if f.Opcode == frame.Ping && !s.mute {
			pings = append(pings, f)
		}
	}
	s.writes++
	s.pending = s.stalled
	s.notify()
	return pings, s.pending
}

// Close implements actors.Socket.
func (s *Socket) Close(code int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		panic("Close was called twice")
	}
	s.closed, s.code, s.text = true, code, text
	s.notify()
}

func (s *Socket) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Send plays a client that sends frames. They are handed over in one chunk as soon as the
// connection reads.
func (s *Socket) Send(frames ...frame.Frame) {
	s.mu.Lock()
	s.input = append(s.input, frames...)
	s.mu.Unlock()
	s.deliver()
}

// Say sends a text message.
func (s *Socket) Say(text string) {
	s.Send(frame.Frame{Opcode: frame.Text, Payload: []byte(text)})
}

func (s *Socket) deliver() {
	s.mu.Lock()
	if !s.served || !s.reading || len(s.input) == 0 {
		s.mu.Unlock()
		return
	}
	chunk, client := s.input, s.client
	s.input, s.reading = nil, false
	s.mu.Unlock()
	client.Received(chunk)
}

// End tells the connection that the client is gone.
func (s *Socket) End(reason actors.CloseReason) { s.client.Ended(reason) }

// Mute stops answering pings.
func (s *Socket) Mute() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute = true
}

// Stall makes writes pending from now on, as with a client that doesn't read.
func (s *Socket) Stall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stalled = true
}

// Unstall ends the pending write, with err where it isn't nil, and later writes are not pending.
func (s *Socket) Unstall(err error) {
	s.mu.Lock()
	pending := s.pending
	s.stalled, s.pending = false, false
	s.mu.Unlock()
	if pending {
		s.client.Written(err)
	}
}

// OnWrite has f called before each write. What it returns is what Write fails with; it may panic.
func (s *Socket) OnWrite(f func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onWrite = f
}

// Frames returns what was sent so far, pings included.
func (s *Socket) Frames() []frame.Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.frames)
}

// Texts returns the text messages among Frames.
func (s *Socket) Texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var texts []string
	for _, f := range s.frames {
		if f.Opcode == frame.Text {
			texts = append(texts, string(f.Payload))
		}
	}
	return texts
}

// Writes returns how many writes there were.
func (s *Socket) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// Closed returns how the connection was closed; ok is false while it is open.
func (s *Socket) Closed() (code int, text string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.code, s.text, s.closed
}

// AwaitTexts waits until the text messages are these, and fails the test after 10 s.
func (s *Socket) AwaitTexts(t testing.TB, want ...string) {
	t.Helper()
	s.await(t, func() string {
		if got := s.Texts(); !slices.Equal(got, want) {
			return fmt.Sprintf("texts are %q, want %q", got, want)
		}
		return ""
	})
}

// AwaitClose waits until the connection was closed, and returns the close frame's code and text.
func (s *Socket) AwaitClose(t testing.TB) (code int, text string) {
	t.Helper()
	s.await(t, func() string {
		if _, _, closed := s.Closed(); !closed {
			return "still open"
		}
		return ""
	})
	code, text, _ = s.Closed()
	return code, text
}

// await waits until missing returns nothing.
func (s *Socket) await(t testing.TB, missing func() string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		what := missing()
		if what == "" {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatal(what)
		}
	}
}

// decode takes apart what a server wrote: whole, final, unmasked frames.
func decode(encoded []byte) (frames []frame.Frame) {
	for len(encoded) > 0 {
		opcode, length := frame.Opcode(encoded[0]&0x0F), uint64(encoded[1])
		if encoded[0]&0xF0 != 0x80 {
			panic(fmt.Sprintf("frame that is not final or has reserved bits set: %x", encoded[0]))
		}
		encoded = encoded[2:]
		switch {
		case length > 127:
			panic("masked frame from a server")
		case length == 126:
			length, encoded = uint64(binary.BigEndian.Uint16(encoded)), encoded[2:]
		case length == 127:
			length, encoded = binary.BigEndian.Uint64(encoded), encoded[8:]
		}
		frames = append(frames, frame.Frame{Opcode: opcode, Payload: slices.Clone(encoded[:length])})
		encoded = encoded[length:]
	}
	return frames
}
