//go:build !linux

package nonblock

import "net"

// Wrap returns the connection itself here.
func Wrap(plain net.Conn) net.Conn { return plain }
