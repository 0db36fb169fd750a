package actors

import (
	"errors"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// ErrTooManyConnections is returned by System.Attach when the user has as many connections as
// Options.MaxConnectionsPerUser allows.
var ErrTooManyConnections = errors.New("too many connections of this user")

// user is the actor of one user who has at least one connection. The registry spawns it with its first
// connection and stops it after its last; it holds the connections, keeps to their limit, and passes on to each
// what the registry sends.
//
// Its registry alone sends to it, and the runtime when a connection has ended; it runs in the goroutine of its
// sender, and never blocks. If it panics, its registry stops it, which ends its connections.
type user struct {
	// set once
	system *System
	shard  *shard
	props  *actor.Props // of its connections

	// owned by Receive
	name        string
	connections []attached // the oldest first
}

// attached is a connection as its user knows it.
type attached struct {
	pid    *actor.PID
	login  *Login
	socket Socket
	since  time.Duration
}

// Receive handles one message.
func (u *user) Receive(ctx actor.Context) {
	defer u.system.reportPanic(ctx)
	switch m := ctx.Message().(type) {
	case *attach:
		u.onAttach(ctx, m)
	case *Push, *closeAll, *refreshAll, *loginRevoked:
		for _, c := range u.connections {
			ctx.Send(c.pid, m)
		}
	case *listConnections:
		u.onListConnections(m)
	case *actor.Terminated:
		u.onTerminated(ctx, m)
	case *actor.Stopping:
		for _, c := range u.connections {
			ctx.Stop(c.pid)
		}
	}
}

func (u *user) onAttach(ctx actor.Context, m *attach) {
	u.name = m.login.User
	if len(u.connections) >= u.system.options.MaxConnectionsPerUser {
		ctx.Send(u.shard.registry, &connectionEnded{user: u.name, pid: ctx.Self()})
		m.answer <- ErrTooManyConnections
		return
	}
	pid := spawnConnection(ctx, u.props)
	u.connections = append(u.connections, attached{pid, m.login, m.socket, u.system.now()})
	ctx.Send(pid, m)
}

func (u *user) onTerminated(ctx actor.Context, m *actor.Terminated) {
	u.connections = slices.DeleteFunc(u.connections, func(c attached) bool { return c.pid.Id == m.Who.Id })
	ctx.Send(u.shard.registry, &connectionEnded{user: u.name, pid: ctx.Self()})
}

func (u *user) onListConnections(m *listConnections) {
	list := make([]Connection, len(u.connections))
	for i, c := range u.connections {
		list[i] = Connection{ID: u.system.connectionID(c.pid), User: c.login.User, Tag: c.login.Tag, Since: u.system.started.Add(c.since)}
		if addressed, ok := c.socket.(interface{ Address() string }); ok {
			list[i].Address = addressed.Address()
		}
	}
	m.answer <- list
}
