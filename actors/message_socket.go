package actors

import (
	"context"
	"sync"
	"time"

	"github.com/notifypush/notifypush/transport/frame"
)

// sendTimeout is how long a client may take to read what it is sent at once.
const sendTimeout = time.Minute

// MessageTransport carries messages to one client in a way of the host's own: server-sent events, a stream of
// gRPC, a test. It knows nothing of websocket frames.
//
// One goroutine calls the methods, one at a time. They may block, and must return when their ctx ends: after
// a minute, or when the connection is ended meanwhile. An error of Send or Ping ends the connection.
type MessageTransport interface {
	// Send sends one message; "authenticated" is the first.
	Send(ctx context.Context, text string) error
	// Ping asks whether the client is still there, and returns nil when it has answered: the transport answers
	// for clients that are never silent, or whose end it notices by itself. It is called after 30 s without a
	// message; 30 s later, without an answer, the connection ends.
	Ping(ctx context.Context) error
	// Close ends the connection, and is the last call. code and text are those of a websocket's close frame; 0
	// where the client is gone.
	Close(code int, text string)
}

// MessageSocket is the Socket of a MessageTransport. NewMessageSocket makes one for System.Attach, which
// begins to use it; when Attach returns an error, no method of the transport is called.
//
// It takes one goroutine a connection. Received and Ended are for the host, which may call them from any
// goroutine after Attach; the other methods are the System's.
//
// The order at the end is: Ended, where the host notices it first; then the transport's Close, once in any
// case; then Done. Shutdown waits for all Close to return.
type MessageSocket struct {
	// set once
	transport MessageTransport
	ctx       context.Context // of Send and Ping; ends with Close
	cancel    context.CancelFunc
	client    Client
	served    chan struct{} // closed when client is set
	writes    chan []byte   // with room for the one Write there may be
	reading   chan struct{} // holds a token while a message may be handed over
	done      chan struct{}

	closing sync.Once
	code    int // guarded by closing, and by ctx
	text    string
}

// NewMessageSocket returns a Socket that speaks through a transport.
func NewMessageSocket(transport MessageTransport) *MessageSocket {
	s := &MessageSocket{transport: transport, served: make(chan struct{}), writes: make(chan []byte, 1),
		reading: make(chan struct{}, 1), done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Received hands over a text that the client sent, of which Hooks.OnMessage is told; "listen notify_file_id"
// is the server's own. It waits while the System handles the one before.
func (s *MessageSocket) Received(text string) {
	s.receive(frame.Frame{Opcode: frame.Text, Payload: []byte(text)})
}

// Ended says that the client is gone, and why: ClosedByClient or ConnectionLost mostly.
func (s *MessageSocket) Ended(reason CloseReason) {
	select {
	case <-s.served:
		s.client.Ended(reason)
	case <-s.ctx.Done():
	}
}

// Done is closed when the transport's Close has returned.
func (s *MessageSocket) Done() <-chan struct{} { return s.done }

func (s *MessageSocket) receive(f frame.Frame) {
	select {
	case <-s.reading:
		s.client.Received([]frame.Frame{f})
	case <-s.ctx.Done():
	}
}

// Serve implements Socket.
func (s *MessageSocket) Serve(client Client) {
	s.client = client
	close(s.served)
	client.system.spawnWorker(s.run)
	s.Resume()
}

// Resume implements Socket.
func (s *MessageSocket) Resume() { s.reading <- struct{}{} }

// Write implements Socket. It is always pending, so there is one at a time.
func (s *MessageSocket) Write(frames []byte) (pending bool, err error) {
	s.writes <- frames
	return true, nil
}

// Close implements Socket.
func (s *MessageSocket) Close(code int, text string) {
	s.closing.Do(func() {
		s.code, s.text = code, text
		s.cancel()
	})
}

// Address implements what Connection.Address is made of, where the transport does.
func (s *MessageSocket) Address() string {
	if t, ok := s.transport.(interface{ Address() string }); ok {
		return t.Address()
	}
	return ""
}

// UserAgent is Address for Connection.UserAgent.
func (s *MessageSocket) UserAgent() string {
	if t, ok := s.transport.(interface{ UserAgent() string }); ok {
		return t.UserAgent()
	}
	return ""
}

// run calls the transport until Close.
func (s *MessageSocket) run() {
	defer close(s.done)
	guarded := s.client.system.guarded
	for s.ctx.Err() == nil {
		select {
		case frames := <-s.writes:
			s.client.Written(guarded("socket", func() error { return s.send(frames) }))
		case <-s.ctx.Done():
		}
	}
	_ = guarded("socket", func() error { s.transport.Close(s.code, s.text); return nil })
}

// send sends the messages in frames.
func (s *MessageSocket) send(frames []byte) error {
	ctx, cancel := context.WithTimeout(s.ctx, sendTimeout)
	defer cancel()
	for len(frames) > 0 {
		f, size, err := frame.Cut(frames, maxCustom)
		if err != nil {
			return err
		}
		frames = frames[size:]
		switch f.Opcode {
		case frame.Text:
			err = s.transport.Send(ctx, string(f.Payload))
		case frame.Ping:
			if err = s.transport.Ping(ctx); err == nil {
				s.receive(frame.Frame{Opcode: frame.Pong, Payload: f.Payload})
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
