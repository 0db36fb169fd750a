//go:build !linux

package swarm

import (
	"net/netip"

	"github.com/notifypush/notifypush/loadtest/internal/process"
)

var errAgain = process.ErrPlatform

type poller struct{}

func newPoller() (poller, error)           { return poller{}, process.ErrPlatform }
func (poller) watch(int, int32) error      { return process.ErrPlatform }
func (poller) run(func(int32, bool)) error { return process.ErrPlatform }
func (poller) close()                      {}

func dialSocket(netip.Addr, netip.AddrPort) (int, error) { return -1, process.ErrPlatform }
func readSocket(int, []byte) (int, error)                { return 0, process.ErrPlatform }
func writeSocket(int, []byte) error                      { return process.ErrPlatform }
func refusedByPeer(error) bool                           { return false }
func closeSocket(int)                                    {}
