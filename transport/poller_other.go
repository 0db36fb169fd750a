//go:build !linux

package transport

import "context"

// poller exists on Linux only; elsewhere each socket has a goroutine that reads.
type poller struct{}

func newPoller() (*poller, error) { return nil, nil }

func (*poller) close()                       {}
func (*poller) watch(*socket) error          { return nil }
func (*poller) remove(*socket)               {}
func (*poller) release(*socket)              {}
func (*poller) probe(context.Context) error  { return nil }
func (*poller) run(func(*socket, any)) error { return nil }
