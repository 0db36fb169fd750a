//go:build !linux

package loadtest

import (
	"errors"
	"net/netip"
	"os/exec"
	"syscall"
	"time"
)

// errPlatform: a load test needs epoll and /proc.
var errPlatform = errors.New("a load test runs on Linux only")

var errAgain = errPlatform

type poller struct{}

func newPoller() (*poller, error)      { return nil, errPlatform }
func (*poller) watch(int, int32) error { return errPlatform }
func (*poller) run(func(int32, bool))  {}
func (*poller) close()                 {}

func dialSocket(netip.Addr, netip.AddrPort) (int, error) { return -1, errPlatform }
func readSocket(int, []byte) (int, error)                { return 0, errPlatform }
func writeSocket(int, []byte) error                      { return errPlatform }
func closeSocket(int)                                    {}

func fileLimit() (uint64, error)               { return 0, errPlatform }
func readProcess(int) (usage, error)           { return usage{}, errPlatform }
func glanceAtProcess(int) (usage, error)       { return usage{}, errPlatform }
func cpuTime(int) (time.Duration, error)       { return 0, errPlatform }
func machineTime() (time.Duration, error)      { return 0, errPlatform }
func endWithParent(*exec.Cmd)                  {}
func leadGroup(*exec.Cmd)                      {}
func sendSignal(int, syscall.Signal)           {}
func listenerOf(int, uint16) (int, error)      { return 0, errPlatform }
func pauses(f func(pause func(time.Duration))) { f(time.Sleep) }

func thisMachine() Machine { return Machine{} }
