package loadtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// freePort returns a port on which nobody listens, below those that systems give out to the outgoing
// connections of the clients.
func freePort() (int, error) {
	const first, last = 10_000, 30_000
	for {
		port := first + rand.IntN(last-first)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		switch {
		case err == nil:
			return port, listener.Close()
		case !errors.Is(err, syscall.EADDRINUSE):
			return 0, fmt.Errorf("find a free port: %w", err)
		}
	}
}
