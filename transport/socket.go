package transport

import (
	"errors"
	"net"
	"syscall"
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

// socket is a logged-in client's connection: the actors.Socket of its connection actor, which
// alone calls its methods.
//
// Writes are tried without blocking, and finished in a goroutine only where the kernel's buffer is
// full. Reading costs no goroutine either where a poller can watch the file descriptor; over TLS,
// and where there is no poller, one goroutine reads.
type socket struct {
	// set once
	websocket *Websocket // notified when the socket is gone
	conn      net.Conn
	raw       syscall.RawConn // nil over TLS, and where there is no fd
	poller    *poller         // nil where a goroutine reads
	fd        int             // what the poller knows it by; open until Close, after which nothing is written
	resume    chan struct{}   // the reading goroutine's, nil where the poller reads

	removed bool // guarded by the poller

	// owned by the connection actor, and by the reader in turns
	client actors.Client
	reader frame.Reader
	early  []frame.Frame // arrived before Serve
	behind chan struct{} // closed when the last write in the background is done; nil before the first
	torn   bool          // that write failed, within a frame perhaps
}

// newSocket makes a socket of a client that has logged in. reader has read what came so far, early
// is what it found beyond the login.
func newSocket(w *Websocket, conn net.Conn, reader frame.Reader, early []frame.Frame) *socket {
	s := &socket{websocket: w, conn: conn, reader: reader, early: early}
	s.reader.Limit = readLimit
	if c, ok := conn.(syscall.Conn); ok && canTry {
		if raw, err := c.SyscallConn(); err == nil && raw.Control(func(fd uintptr) { s.fd = int(fd) }) == nil {
			s.raw = raw
		}
	}
	if s.raw == nil || w.poller == nil {
		s.resume = make(chan struct{}, 1)
		return s
	}
	s.poller = w.poller
	w.startReading()
	return s
}

// Address returns that of the connection's other end; "" over a unix socket.
func (s *socket) Address() string { return origin{client: peerOf(s.conn)}.address() }

// describedSocket is a socket that knows more of its client.
type describedSocket struct {
	*socket
	address string
	agent   unique.Handle[string]
}

// Address returns the client's address, as trusted proxies tell it.
func (s *describedSocket) Address() string { return s.address }

// UserAgent returns that of the handshake.
func (s *describedSocket) UserAgent() string { return s.agent.Value() }

// panicked ends the connection after a panic in one of its goroutines, or in the poller's.
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
	if s.poller == nil {
		go s.readLoop()
	}
	if s.early != nil {
		client.Received(s.early)
		s.early = nil
		return
	}
	s.Resume()
}

// Resume goes on reading.
func (s *socket) Resume() {
	if s.poller == nil {
		s.resume <- struct{}{}
	} else if err := s.poller.watch(s); err != nil {
		s.client.Ended(actors.ConnectionLost)
	}
}

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

// readable reads what is there, without waiting. The poller calls it, with its buffer.
func (s *socket) readable(buffer []byte) {
	var n int
	var err error
	rawErr := s.raw.Read(func(fd uintptr) bool {
		n, err = tryRead(fd, buffer)
		return true
	})
	switch {
	case rawErr == nil && (errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)):
		s.Resume()
	case rawErr != nil || err != nil || n == 0:
		s.client.Ended(actors.ConnectionLost)
	case s.arrived(buffer[:n]):
		s.Resume()
	}
}

// readLoop reads where no poller can.
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

// Write sends frames, as much as possible at once.
func (s *socket) Write(frames []byte) (pending bool, err error) {
	n, err := s.tryWrite(frames)
	if err != nil || n == len(frames) {
		return false, err
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	s.behind = make(chan struct{})
	go s.writeRest(frames[n:], s.behind)
	return true, nil
}

// tryWrite writes what the kernel takes without waiting.
func (s *socket) tryWrite(frames []byte) (n int, err error) {
	if s.raw == nil {
		return 0, nil
	}
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		n, err = tryWrite(uintptr(s.fd), frames)
	}
	if errors.Is(err, syscall.EAGAIN) {
		return 0, nil
	}
	return max(n, 0), err
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
	if s.poller != nil {
		s.poller.remove(s)
	} else {
		close(s.resume)
	}
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
	if s.poller != nil {
		s.poller.release(s)
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(lingerTimeout))
	if _, err := s.conn.Write(frame.AppendClose(nil, code, text)); err == nil {
		lingerClose(s.conn)
	}
}
