//go:build !linux

package transport

import (
	"context"
	"net"
)

// poller exists on Linux only; elsewhere each socket has a goroutine that reads.
type poller struct{}

func usePoller() (*poller, error) { return nil, nil }

func newPolledSocket(*Websocket, net.Conn) (clientSocket, error) { return nil, nil }

func (i *interceptor) newAcceptor() acceptor { return &goroutineAcceptor{i: i} }

func (*poller) release(*Websocket)          {}
func (*poller) readFor(*Websocket)          {}
func (*poller) probe(context.Context) error { return nil }
