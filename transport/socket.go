package transport

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
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
	// readBuffer is what is read of a client at once for its request, and smallBuffer afterwards, in bytes.
	readBuffer  = 4 << 10
	smallBuffer = 512
	// maxBehind is how many writes may wait before the login.
	maxBehind = 16
)

// clientSocket is the connection of a client: its login's first, which takes what is read, and then the system's. No method waits for
// the client, but for closeWrite.
type clientSocket interface {
	actors.Socket
	ending

	assign(l *login)            // says who takes what is read
	startReading()              // once, and then on readOn
	readOn()                    // the login has dealt with what was read
	stopReading()               // for good
	moveTo(w *Websocket)        // the login is another Websocket's
	send(data []byte) error     // sends what is short, and does not keep it
	release() (net.Conn, error) // gives the connection to net/http
}

// newClientSocket returns the socket of a connection that the net package has accepted.
func newClientSocket(w *Websocket, conn net.Conn) (clientSocket, error) {
	if polled, err := newPolledSocket(w, conn); polled != nil || err != nil {
		return polled, err
	}
	return newSocket(w, conn), nil
}

// socket is a client's connection over TLS, or where there is no poller. A goroutine reads, and another one does each write.
type socket struct {
	// set once
	conn   net.Conn
	resume chan struct{} // the reading goroutine's, once the system has the socket

	websocket *Websocket // notified when the socket is gone; owned as behind is
	login     atomic.Pointer[login]
	stopped   atomic.Bool // nothing is read any more

	// owned by the login, then by the connection actor
	client  actors.Client
	reader  frame.Reader  // and the reading goroutine's, in turns
	behind  chan struct{} // closed when the last write in the background is done; nil before the first
	torn    atomic.Bool   // that write failed, within a frame perhaps
	writes  atomic.Int32  // that are not done
	closing sync.Once     // by closeDrained
}

func newSocket(w *Websocket, conn net.Conn) *socket {
	return &socket{websocket: w, conn: conn, resume: make(chan struct{}, 1)}
}

// Address returns that of the connection's other end; "" over a unix socket.
func (s *socket) Address() string { return addressText(peerOf(s.conn)) }

func (s *socket) isEncrypted() bool {
	_, encrypted := s.conn.(*tls.Conn)
	return encrypted
}

func (s *socket) assign(l *login) { s.login.Store(l) }

func (s *socket) startReading() { go s.readLoop() }

// readOn does nothing: the goroutine reads on by itself, and the login drops what comes behind an error.
func (s *socket) readOn() {}

func (s *socket) stopReading() { s.stopped.Store(true) }

func (s *socket) moveTo(w *Websocket) { s.websocket = w }

func (s *socket) release() (net.Conn, error) { return s.conn, nil }

// Serve begins as the system's socket, with what came behind the credentials.
func (s *socket) Serve(client actors.Client) {
	s.client = client
	err := s.login.Load().serve(client, &s.reader)
	s.login.Store(nil)
	if err != nil {
		client.Ended(endingOf(err))
	}
}

// Resume goes on reading.
func (s *socket) Resume() {
	select {
	case s.resume <- struct{}{}:
	default: // since what came before Serve
	}
}

// readLoop reads until the socket ends.
func (s *socket) readLoop() {
	defer s.guard("read from a socket")
	goesOn := s.read(make([]byte, readBuffer))
	small := make([]byte, smallBuffer)
	for goesOn {
		goesOn = s.read(small)
	}
}

// read reads once, and reports whether to read on.
func (s *socket) read(buffer []byte) bool {
	n, err := s.conn.Read(buffer)
	if l := s.login.Load(); l != nil && l.received(buffer[:n], err) {
		return err == nil && !s.stopped.Load()
	}
	if err != nil {
		s.client.Ended(actors.ConnectionLost)
		return false
	}
	frames, err := s.reader.Feed(buffer[:n])
	if len(frames) > 0 {
		s.client.Received(frames)
	}
	if err != nil {
		s.client.Ended(endingOf(err))
		return false
	}
	if len(frames) > 0 {
		_, goesOn := <-s.resume
		return goesOn
	}
	return true
}

// guard is deferred in goroutines of the socket. A panic ends the connection.
func (s *socket) guard(task string) {
	cause := recover()
	if cause == nil {
		return
	}
	if l := s.login.Load(); l != nil {
		l.fail(cause)
		return
	}
	s.websocket.logPanic(task, cause)
	s.client.Ended(actors.InternalFailure)
}

// Write sends frames in the background.
func (s *socket) Write(frames []byte) (pending bool, err error) {
	s.write(frames, writeTimeout, s.client.Written)
	return true, nil
}

func (s *socket) send(data []byte) error {
	if s.writes.Load() >= maxBehind {
		return errHungUp
	}
	s.write(bytes.Clone(data), lingerTimeout, func(err error) {
		if err != nil {
			_ = s.conn.Close() // which the reading goroutine notices
		}
	})
	return nil
}

// write writes in the background, behind what is being written.
func (s *socket) write(data []byte, timeout time.Duration, then func(error)) {
	before, done := s.behind, make(chan struct{})
	s.behind = done
	s.writes.Add(1)
	go func() {
		defer s.guard("write to a socket")
		then(s.finishWrite(data, timeout, before, done))
	}()
}

// finishWrite closes done in any case, because the next write and the end of the socket wait for it.
func (s *socket) finishWrite(data []byte, timeout time.Duration, before <-chan struct{}, done chan<- struct{}) error {
	defer close(done)
	defer s.writes.Add(-1)
	if before != nil {
		<-before
	}
	if s.torn.Swap(true) {
		return io.ErrShortWrite
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(timeout))
	_, err := s.conn.Write(data)
	_ = s.conn.SetWriteDeadline(time.Time{})
	s.torn.Store(err != nil)
	return err
}

// awaitWrites waits for what is being written. Those writes have a deadline.
func (s *socket) awaitWrites() {
	if s.behind != nil {
		<-s.behind
	}
}

func (s *socket) closeWrite() {
	s.awaitWrites()
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok {
		_ = s.conn.SetWriteDeadline(time.Now().Add(lingerTimeout))
		_ = half.CloseWrite()
	}
}

func (s *socket) closeDrained() {
	go s.closing.Do(func() {
		s.closeWrite()
		plain := s.conn
		if encrypted, is := plain.(*tls.Conn); is {
			plain = encrypted.NetConn()
		}
		if c, ok := plain.(syscall.Conn); ok {
			if raw, err := c.SyscallConn(); err == nil {
				_ = raw.Control(func(fd uintptr) { drain(int(fd)) })
			}
		}
		_ = s.conn.Close()
	})
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
	s.awaitWrites()
	if s.torn.Load() {
		return
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(lingerTimeout))
	if _, err := s.conn.Write(frame.AppendClose(nil, code, text)); err == nil {
		s.linger()
	}
}

// linger waits for the client to hang up.
func (s *socket) linger() {
	s.closeWrite()
	_ = s.conn.SetReadDeadline(time.Now().Add(lingerTimeout))
	_, _ = io.Copy(io.Discard, s.conn)
}

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
