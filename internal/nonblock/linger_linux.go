package nonblock

import "golang.org/x/sys/unix"

// Lingers reports whether closing a socket waits for the other end, whatever the descriptor's mode: with SO_LINGER and a time. Of a listener,
// it is what the sockets that it accepts do.
func Lingers(fd int) bool {
	linger, err := unix.GetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER)
	return err == nil && linger.Onoff != 0 && linger.Linger != 0 // the kernel has one for ever below 0
}

// KeepFromLingering has closing a socket not wait. SO_LINGER without a time, which resets the connection, stays.
func KeepFromLingering(fd int) {
	if Lingers(fd) {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{})
	}
}
