//go:build linux

package transport

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/internal/nonblock"
	"github.com/notifypush/notifypush/transport/frame"
)

// polledSocket is a socket of plain TCP, or a unix socket, that the poller reads, and writes to where the kernel's buffer
// was full: it owns no goroutine, and nothing of the net package.
//
// The login, and then the connection actor, alone call the methods of clientSocket; the poller's goroutine calls readable and writable.
type polledSocket struct {
	// set once
	poller *poller
	peer   netip.Addr
	fd     int32

	// guarded by the poller
	awaited uint32 // EPOLLIN, EPOLLOUT
	armed   uint32 // of both, what the kernel reports
	gone    bool

	websocket *Websocket            // notified when the socket is gone
	login     atomic.Pointer[login] // until the system has the socket

	// owned by the connection actor, and by the reader in turns
	client actors.Client
	reader frame.Reader

	closeReceived atomic.Bool // the client's last frame was a close frame

	mu     sync.Mutex
	ending bool    // since Close; guarded by mu, as is unsent
	unsent *unsent // what the kernel has not taken yet; nil while nothing waits
}

// unsent is the rest of a write, or of the end of a socket.
type unsent struct {
	data    []byte
	timeout *time.Timer
}

// newPolledSocket takes the descriptor of a connection over from the net package. It returns nil where no poller can read the connection.
func newPolledSocket(w *Websocket, conn net.Conn) (clientSocket, error) {
	switch conn.(type) {
	case *net.TCPConn, *net.UnixConn: // and nothing that a host has wrapped around one
	default:
		return nil, nil
	}
	if w.poller == nil {
		return nil, nil
	}
	peer := peerOf(conn)
	defer conn.Close()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if controlErr := raw.Control(func(of uintptr) { fd, err = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) }); controlErr != nil {
		return nil, controlErr
	}
	if err != nil {
		return nil, err
	}
	nonblock.KeepFromLingering(fd)
	w.startReading()
	return &polledSocket{poller: w.poller, websocket: w, peer: peer, fd: int32(fd)}, nil
}

// Address returns that of the connection's other end; "" over a unix socket.
func (s *polledSocket) Address() string { return addressText(s.peer) }

func (s *polledSocket) assign(l *login) { s.login.Store(l) }

func (s *polledSocket) startReading() { s.Resume() }

func (s *polledSocket) readOn() { s.Resume() }

func (s *polledSocket) stopReading() { s.poller.forget(s) }

func (s *polledSocket) moveTo(w *Websocket) {
	s.websocket = w
	w.startReading()
}

func (s *polledSocket) send(data []byte) error {
	n, err := tryWriteAll(int(s.fd), data)
	if err == nil && n < len(data) {
		return errHungUp // it does not read
	}
	return err
}

// release makes a connection of the net package of it.
func (s *polledSocket) release() (net.Conn, error) {
	file := os.NewFile(uintptr(s.fd), "") //nolint:gosec // G115: it was one
	defer file.Close()
	conn, err := net.FileConn(file)
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetKeepAlive(false) // as the listener has it
	}
	return conn, err
}

// Serve begins as the system's socket, with what came behind the credentials. It is watched as before.
func (s *polledSocket) Serve(client actors.Client) {
	s.client = client
	err := s.login.Load().serve(client, &s.reader)
	s.login.Store(nil)
	if err != nil {
		client.Ended(endingOf(err))
	}
}

// Resume goes on reading.
func (s *polledSocket) Resume() {
	if err := s.poller.watch(s, unix.EPOLLIN); err != nil {
		s.lost(err)
	}
}

// lost ends the socket, because nothing can be read any more.
func (s *polledSocket) lost(err error) {
	if l := s.login.Load(); l != nil {
		go func() { // the login may be starting to read
			if !l.received(nil, err) {
				s.client.Ended(actors.ConnectionLost)
			}
		}()
	} else {
		s.client.Ended(actors.ConnectionLost)
	}
}

// readable reads what is there, without waiting. The poller calls it, with its buffer.
func (s *polledSocket) readable(buffer []byte) {
	n, err := nonblock.Read(int(s.fd), buffer)
	if err == nil && n == 0 {
		err = io.EOF
	}
	if errors.Is(err, syscall.EAGAIN) {
		err = nil
	}
	if l := s.login.Load(); l != nil && l.received(buffer[:n], err) {
		return
	}
	switch {
	case n == 0 && err == nil:
		s.Resume()
	case s.isEnding():
		if err != nil || s.poller.watch(s, unix.EPOLLIN) != nil {
			s.finish()
		}
	case err != nil:
		s.client.Ended(actors.ConnectionLost)
	default:
		s.arrived(buffer[:n])
	}
}

func (s *polledSocket) isEnding() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending
}

// arrived takes bytes that were read.
func (s *polledSocket) arrived(data []byte) {
	frames, err := s.reader.Feed(data)
	if last := len(frames) - 1; last >= 0 {
		s.closeReceived.Store(frames[last].Opcode == frame.Close)
		s.client.Received(frames)
	}
	if err != nil {
		s.client.Ended(endingOf(err))
	} else if len(frames) == 0 {
		s.Resume()
	} // else the connection resumes when it has dealt with them
}

// Write sends frames, as much as possible at once.
func (s *polledSocket) Write(frames []byte) (pending bool, err error) {
	n, err := tryWriteAll(int(s.fd), frames)
	if err != nil || n == len(frames) {
		return false, err
	}
	return true, s.writeLater(frames[n:])
}

// writeLater has the poller write when the kernel takes more.
func (s *polledSocket) writeLater(data []byte) error {
	s.mu.Lock()
	s.unsent = &unsent{data, time.AfterFunc(writeTimeout, s.timedOut)}
	s.mu.Unlock()
	return s.poller.watch(s, unix.EPOLLOUT)
}

// timedOut ends the socket, because the client does not read, or does not hang up.
func (s *polledSocket) timedOut() {
	if s.isEnding() {
		s.finish()
	} else {
		s.client.Ended(actors.ConnectionLost)
	}
}

// writable goes on writing. The poller calls it.
func (s *polledSocket) writable() {
	done, ending, err := s.writeUnsent()
	switch {
	case !done:
		if s.poller.watch(s, unix.EPOLLOUT) != nil {
			s.timedOut()
		}
	case !ending:
		s.client.Written(err)
	case err != nil:
		s.finish()
	default:
		s.linger()
	}
}

func (s *polledSocket) writeUnsent() (done, ending bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsent == nil {
		return false, s.ending, nil
	}
	n, err := tryWriteAll(int(s.fd), s.unsent.data)
	s.unsent.data = s.unsent.data[n:]
	if err == nil && len(s.unsent.data) > 0 {
		return false, s.ending, nil
	}
	s.unsent.timeout.Stop()
	s.unsent = nil
	return true, s.ending, err
}

// Close ends the socket. A close frame goes behind what is still being written, if all of that is read.
func (s *polledSocket) Close(code int, text string) {
	if l := s.login.Swap(nil); l != nil || code == 0 { // it was not served, or is lost
		s.finish()
		return
	}
	s.end(frame.AppendClose(nil, code, text))
}

func (s *polledSocket) closeWrite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ending {
		_ = unix.Shutdown(int(s.fd), unix.SHUT_WR)
	}
}

func (s *polledSocket) closeDrained() {
	s.mu.Lock()
	if s.ending {
		s.mu.Unlock()
		return
	}
	s.ending = true
	_ = unix.Shutdown(int(s.fd), unix.SHUT_WR)
	drain(int(s.fd))
	s.mu.Unlock()
	s.poller.close(s)
}

func (s *polledSocket) end(closeFrame []byte) {
	event, err := s.sendEnd(closeFrame)
	if err != nil || event != 0 && s.poller.watch(s, event) != nil {
		s.finish()
	}
}

// sendEnd sends the close frame as far as possible, and returns what to wait for then; nothing new where a write waits already. Its error
// is io.EOF where nothing is left to wait for: the frame answers the client's, which has what was sent before. It holds mu as long as it
// uses the descriptor: once ending is known, the poller closes that when the client hangs up.
func (s *polledSocket) sendEnd(closeFrame []byte) (event uint32, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending = true
	if s.unsent != nil {
		s.unsent.data = slices.Concat(s.unsent.data, closeFrame)
		s.unsent.timeout.Reset(lingerTimeout)
		return 0, nil
	}
	isLast := s.closeReceived.Load() && isDelivered(int(s.fd))
	n, err := tryWriteAll(int(s.fd), closeFrame)
	switch {
	case err != nil:
		return 0, err
	case n < len(closeFrame):
		s.unsent = &unsent{closeFrame[n:], time.AfterFunc(lingerTimeout, s.timedOut)}
		return unix.EPOLLOUT, nil
	case isLast:
		return 0, io.EOF
	default:
		s.awaitHangUp()
		return unix.EPOLLIN, nil
	}
}

// isDelivered reports whether the other end has acknowledged what was written. What it has not would be lost if it sent anything after
// this end is closed, such as the answer to a ping that it finds there.
func isDelivered(fd int) bool {
	waiting, err := unix.IoctlGetInt(fd, unix.SIOCOUTQ)
	return err == nil && waiting == 0
}

// awaitHangUp waits for the client to hang up, because closing with bytes unread would reset the connection, and take along what
// was written last. mu is held.
func (s *polledSocket) awaitHangUp() {
	_ = unix.Shutdown(int(s.fd), unix.SHUT_WR)
	s.unsent = &unsent{timeout: time.AfterFunc(lingerTimeout, s.timedOut)}
}

// linger is awaitHangUp after a write in the background. The poller, which has the socket in hand, calls it.
func (s *polledSocket) linger() {
	s.mu.Lock()
	s.awaitHangUp()
	s.mu.Unlock()
	if s.poller.watch(s, unix.EPOLLIN) != nil {
		s.finish()
	}
}

// finish closes the socket. It may be called more than once, and by anybody.
func (s *polledSocket) finish() {
	s.mu.Lock()
	if s.unsent != nil {
		s.unsent.timeout.Stop()
		s.unsent = nil
	}
	s.mu.Unlock()
	s.poller.close(s)
}

// panicked ends the connection after a panic in the poller's goroutine.
func (s *polledSocket) panicked(cause any) {
	if l := s.login.Load(); l != nil {
		l.fail(cause)
		return
	}
	s.websocket.logPanic("read from a socket", cause)
	if s.isEnding() {
		s.finish()
	} else {
		s.client.Ended(actors.InternalFailure)
	}
}

// tryWriteAll writes what the kernel takes without waiting.
func tryWriteAll(fd int, data []byte) (n int, err error) {
	if n, err = nonblock.Write(fd, data); errors.Is(err, syscall.EAGAIN) {
		return 0, nil
	}
	return n, err
}
