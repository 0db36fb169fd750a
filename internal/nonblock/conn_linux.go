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

// Wrap returns a connection whose Read and Write do not tell Go's scheduler, where it is one of plain TCP or a unix socket, and else the
// connection itself.
func Wrap(plain net.Conn) net.Conn {
	switch plain.(type) {
	case *net.TCPConn, *net.UnixConn:
	default:
		return plain
	}
	raw, err := plain.(syscall.Conn).SyscallConn()
	if err != nil {
		return plain
	}
	return &conn{plain, raw}
}

// Read is that of net.Conn.
func (c *conn) Read(into []byte) (n int, err error) {
	if len(into) == 0 {
		return 0, nil
	}
	n, err = c.transfer("read", c.raw.Read, Read, into)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// Write is that of net.Conn.
func (c *conn) Write(data []byte) (n int, err error) {
	for n < len(data) && err == nil {
		var some int
		some, err = c.transfer("write", c.raw.Write, Write, data[n:])
		n += some
	}
	return n, err
}

// transfer calls as soon as the kernel has or takes something. Its errors are those of the net package.
func (c *conn) transfer(name string, await func(func(fd uintptr) bool) error, call func(fd int, data []byte) (int, error), data []byte) (n int, err error) {
	t := transfers.Get().(*transfer)
	defer t.release()
	t.call, t.data = call, data
	err = await(t.try)
	if failure, ok := errors.AsType[*net.OpError](err); ok {
		failure.Op = name // instead of "raw-read"
	}
	if err == nil && t.err != nil {
		err = &net.OpError{Op: name, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError(name, t.err)}
	}
	return t.n, err
}

// transfer is a Read or a Write under way. It is used again, and try with it, because both would be allocated each time.
type transfer struct {
	try  func(fd uintptr) (done bool) // its attempt
	call func(fd int, data []byte) (int, error)
	data []byte
	n    int
	err  error
}

var transfers = sync.Pool{New: func() any {
	t := &transfer{}
	t.try = t.attempt
	return t
}}

// attempt reports false where the kernel has to be waited for.
func (t *transfer) attempt(fd uintptr) (done bool) {
	t.n, t.err = t.call(int(fd), t.data) //nolint:gosec // G115: it is one
	return !errors.Is(t.err, syscall.EAGAIN)
}

func (t *transfer) release() {
	*t = transfer{try: t.try}
	transfers.Put(t)
}
