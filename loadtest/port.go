package loadtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
)

// Systems give out higher ports to the outgoing connections of the clients.
const firstPort, ports = 20_000, 10_000

var (
	someOffset = rand.Uint32N(ports) // for there may be other processes that look for ports
	portsTried atomic.Uint32
)

// freePort returns a port on which nobody listens, another each time: it may take a while until who
// asked for one before listens there.
func freePort() (int, error) {
	for {
		port := firstPort + int((someOffset+portsTried.Add(1))%ports)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		switch {
		case err == nil:
			return port, listener.Close()
		case !errors.Is(err, syscall.EADDRINUSE):
			return 0, fmt.Errorf("find a free port: %w", err)
		}
	}
}
