package transport

import (
	"io"
	"net"
	"time"
)

// sayGoodbye ends a connection so that what was written last is read: closing with bytes unread
// would reset it, and take the close frame along.
func sayGoodbye(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(farewellTimeout))
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
}
