package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/notifypush/notifypush/transport/frame"
)

// Client is the connection actor as its socket sees it. The methods may be called from any
// goroutine, and run the actor in it.
type Client struct {
	system *System
	pid    *actor.PID
}

// Received hands over a chunk of frames. Nothing more may be handed over before Socket.Resume.
func (c Client) Received(frames []frame.Frame) {
	c.system.root.Send(c.pid, &framesReceived{frames: frames})
}

// Written says that a pending Write is done, or failed.
func (c Client) Written(err error) { c.system.root.Send(c.pid, &writeDone{err: err}) }

// Ended says that nothing more will be read, and why.
func (c Client) Ended(reason CloseReason) { c.system.root.Send(c.pid, &socketEnded{reason: reason}) }
