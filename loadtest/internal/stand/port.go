package stand

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

var portsTried atomic.Uint32

func init() { portsTried.Store(rand.Uint32N(ports)) } // other processes may look for ports, too

// freePort returns a port on which nobody listens, another each time: the one who asked before may not listen there yet.
func freePort() (int, error) {
	for {
		port := firstPort + int(portsTried.Add(1)%ports)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		switch {
		case err == nil:
			return port, listener.Close()
		case !errors.Is(err, syscall.EADDRINUSE):
			return 0, fmt.Errorf("find a free port: %w", err)
		}
	}
}
