package nonblock

import "golang.org/x/sys/unix"

// KeepFromLingering has closing a socket not wait. With SO_LINGER and a time it waits for the other end, whatever the descriptor's mode,
// and a listener's connections have its setting. SO_LINGER without a time, which resets the connection, stays.
func KeepFromLingering(fd int) {
	linger, err := unix.GetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER)
	if err == nil && linger.Onoff != 0 && linger.Linger > 0 {
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{})
	}
}
