package transport

import (
	"net"
	"time"
)

// handedOver is a connection of which something was read already.
type handedOver struct {
	net.Conn
	login *login // that it was
	data  []byte
	until time.Time // when the header that has begun must be there; zero once net/http knows
}

// Read returns what was read first.
func (c *handedOver) Read(into []byte) (int, error) {
	if len(c.data) == 0 {
		return c.Conn.Read(into)
	}
	n := copy(into, c.data)
	c.data = c.data[n:]
	return n, nil
}

// SetReadDeadline sets the deadline; the first one is that of the header, which began earlier.
func (c *handedOver) SetReadDeadline(t time.Time) error {
	if !c.until.IsZero() && t.After(c.until) {
		t = c.until
	}
	c.until = time.Time{}
	return c.Conn.SetReadDeadline(t)
}

// CloseWrite closes the sending half, where there is one.
func (c *handedOver) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
