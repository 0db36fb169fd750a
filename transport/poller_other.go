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

func usePoller() (*poller, error) { return nil, nil }

type polledSocket struct{}

func newPolledSocket(*Websocket, net.Conn, frame.Reader, []frame.Frame) actors.Socket { return nil }

func (*poller) release(*Websocket)          {}
func (*poller) readFor(*Websocket)          {}
func (*poller) probe(context.Context) error { return nil }
