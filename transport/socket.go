package transport

import (
	"net"
	"time"
	"unique"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/transport/frame"
)

const (
	// readLimitBeforeLogin and readLimit bound a client's message, in bytes.
	readLimitBeforeLogin = 4 << 10
	readLimit            = 64 << 10
	// writeTimeout is how long a write may wait for a client to read.
	writeTimeout = time.Minute
)

// socket is a logged-in client's connection over TLS, or where there is no poller: the actors.Socket of its connection
// actor, which alone calls its methods. A goroutine reads, and another one finishes each write.
type socket struct {
	// set once
	websocket *Websocket // notified when the socket is gone
	conn      net.Conn
	resume    chan struct{} // the reading goroutine's

	// owned by the connection actor, and by the reader in turns
	client actors.Client
	reader frame.Reader
	early  []frame.Frame // arrived before Serve
	behind chan struct{} // closed when the last write in the background is done; nil before the first
	torn   bool          // that write failed, within a frame perhaps
}

// newSocket makes a socket of a client that has logged in. reader has read what came so far, early
// is what it found beyond the login.
func newSocket(w *Websocket, conn net.Conn, reader frame.Reader, early []frame.Frame) actors.Socket {
	if polled := newPolledSocket(w, conn, reader, early); polled != nil {
		return polled
	}
	reader.Limit = readLimit
	return &socket{websocket: w, conn: conn, reader: reader, early: early, resume: make(chan struct{}, 1)}
}

// Address returns that of the connection's other end; "" over a unix socket.
func (s *socket) Address() string { return origin{client: peerOf(s.conn)}.address() }

// describedSocket is a socket that knows more of its client.
type describedSocket struct {
	actors.Socket
	address string
	agent   unique.Handle[string]
}

// Address returns the client's address, as trusted proxies tell it.
func (s *describedSocket) Address() string { return s.address }

// UserAgent returns that of the handshake.
func (s *describedSocket) UserAgent() string { return s.agent.Value() }

// panicked ends the connection after a panic in one of its goroutines.
func (s *socket) panicked(task string, cause any) {
	s.websocket.logPanic(task, cause)
	s.client.Ended(actors.InternalFailure)
}

// guard is deferred in goroutines of the socket.
func (s *socket) guard(task string) {
	if cause := recover(); cause != nil {
		s.panicked(task, cause)
	}
}

// Serve begins to read.
func (s *socket) Serve(client actors.Client) {
	s.client = client
	go s.readLoop()
	if s.early != nil {
		client.Received(s.early)
		s.early = nil
		return
	}
	s.Resume()
}

// Resume goes on reading.
func (s *socket) Resume() { s.resume <- struct{}{} }

// arrived takes bytes that were read, and reports whether to go on reading at once.
func (s *socket) arrived(data []byte) bool {
	frames, err := s.reader.Feed(data)
	if len(frames) > 0 {
		s.client.Received(frames)
	}
	if err != nil {
		s.client.Ended(endingOf(err))
		return false
	}
	return len(frames) == 0
}

// readLoop reads until the socket ends.
func (s *socket) readLoop() {
	defer s.guard("read from a socket")
	buffer := make([]byte, 512)
	for range s.resume {
		for again := true; again; {
			n, err := s.conn.Read(buffer)
			if err != nil {
				s.client.Ended(actors.ConnectionLost)
				return
			}
			again = s.arrived(buffer[:n])
		}
	}
}

// Write sends frames in the background.
func (s *socket) Write(frames []byte) (pending bool, err error) {
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	s.behind = make(chan struct{})
	go s.writeRest(frames, s.behind)
	return true, nil
}

func (s *socket) writeRest(frames []byte, done chan<- struct{}) {
	defer s.guard("write to a socket")
	_, err := s.finishWrite(frames, done)
	s.client.Written(err)
}

// finishWrite closes done in any case, because the end of the socket waits for it.
func (s *socket) finishWrite(frames []byte, done chan<- struct{}) (n int, err error) {
	defer close(done)
	s.torn = true
	n, err = s.conn.Write(frames)
	_ = s.conn.SetWriteDeadline(time.Time{})
	s.torn = err != nil
	return n, err
}

// Close ends the socket. A close frame goes behind what is still being written, if all of that is read.
func (s *socket) Close(code int, text string) {
	close(s.resume)
	_ = s.conn.SetWriteDeadline(time.Now().Add(lingerTimeout)) // of what is still being written
	go s.hangUp(code, text)
}

func (s *socket) hangUp(code int, text string) {
	defer s.websocket.leave()
	defer s.conn.Close()
	defer s.guard("close a socket")
	if code == 0 {
		return
	}
	if s.behind != nil {
		<-s.behind
	}
	if s.torn {
		return
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(lingerTimeout))
	if _, err := s.conn.Write(frame.AppendClose(nil, code, text)); err == nil {
		lingerClose(s.conn)
	}
}
