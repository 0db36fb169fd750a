//go:build !linux

package transport

import (
	"context"
	"net"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/transport/frame"
)

// poller exists on Linux only; elsewhere each socket has a goroutine that reads.
type poller struct{}

func newPoller() (*poller, error) { return nil, nil }

type polledSocket struct{}

func (*polledSocket) panicked(any) {}

func newPolledSocket(*Websocket, net.Conn, frame.Reader, []frame.Frame) actors.Socket { return nil }

func (*poller) stop()                              {}
func (*poller) probe(context.Context) error        { return nil }
func (*poller) run(func(*polledSocket, any)) error { return nil }
