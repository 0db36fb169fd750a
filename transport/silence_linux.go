package transport

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// limitSilence has the system give up a TCP connection after silenceLimit. Connections that a
// listener accepts have it from the listener. Where the system refuses, that takes longer, and no
// more.
func limitSilence(_, _ string, listener syscall.RawConn) error {
	return listener.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silenceLimit.Milliseconds()))
	})
}
