package nonblock

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// conn is a connection of the net package, but for its Read and Write.
type conn struct {
	net.Conn
	raw syscall.RawConn
}

// Wrap returns a connection whose Read and Write are this package's, where it is a stream of plain TCP or of a unix socket, and else the
// connection itself. It has the methods of net.Conn and no other.
func Wrap(plain net.Conn) net.Conn {
	switch plain.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return plain
	}
	if plain.LocalAddr().Network() == "unixgram" {
		return plain
	}
	raw, err := plain.(syscall.Conn).SyscallConn()
	if err != nil {
		return plain
	}
	return &conn{plain, raw}
}

// Read is as that of net.Conn.
func (c *conn) Read(into []byte) (n int, err error) {
	if len(into) == 0 {
		return c.Conn.Read(into)
	}
	t := transfers.Get().(*transfer)
	defer t.release()
	t.data = into
	waiting := c.raw.Read(t.readOnce)
	err = c.failure("read", waiting, t.err)
	if t.n == 0 && err == nil {
		err = io.EOF
	}
	return t.n, err
}

// Write is as that of net.Conn.
func (c *conn) Write(data []byte) (n int, err error) {
	t := transfers.Get().(*transfer)
	defer t.release()
	t.data = data
	waiting := c.raw.Write(t.writeAll)
	err = c.failure("write", waiting, t.err)
	return t.n, err
}

// failure returns the error that the net package would, for one of waiting or one of the kernel.
func (c *conn) failure(operation string, waiting, kernel error) error {
	if failure, ok := errors.AsType[*net.OpError](waiting); ok {
		failure.Op = operation // instead of "raw-read"
		return failure
	}
	if waiting == nil && kernel != nil {
		return &net.OpError{Op: operation, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError(operation, kernel)}
	}
	return waiting
}

// transfer is a Read or a Write under way. It is used again with its functions, because all of them would be allocated each time.
type transfer struct {
	readOnce, writeAll func(fd uintptr) (done bool)

	data []byte
	n    int // transferred
	err  error
}

var transfers = sync.Pool{New: func() any {
	t := &transfer{}
	t.readOnce, t.writeAll = t.read, t.write
	return t
}}

func (t *transfer) release() {
	*t = transfer{readOnce: t.readOnce, writeAll: t.writeAll}
	transfers.Put(t)
}

// read reports false where nothing has come.
func (t *transfer) read(fd uintptr) (done bool) {
	t.n, t.err = Read(int(fd), t.data) //nolint:gosec // G115: it is one
	return !errors.Is(t.err, syscall.EAGAIN)
}

// write reports false where the kernel takes nothing more.
func (t *transfer) write(fd uintptr) (done bool) {
	for {
		var n int
		n, t.err = Write(int(fd), t.data[t.n:]) //nolint:gosec // G115: it is one
		t.n += n
		switch {
		case t.err != nil:
			return !errors.Is(t.err, syscall.EAGAIN)
		case t.n == len(t.data):
			return true
		case n == 0:
			t.err = io.ErrUnexpectedEOF
			return true
		}
	}
}
