package actors

import (
	"errors"
	"slices"

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
	connections []*actor.PID // the oldest first
}

func (u *user) Receive(ctx actor.Context) {
	defer u.system.reportPanic(ctx)
	switch m := ctx.Message().(type) {
	case *attach:
		u.onAttach(ctx, m)
	case *push, *closeAll, *refreshAll, *loginRevoked:
		for _, c := range u.connections {
			ctx.Send(c, m)
		}
	case *listConnections:
		m.answer <- slices.Clone(u.connections)
	case *actor.Terminated:
		u.onTerminated(ctx, m)
	case *actor.Stopping:
		for _, c := range u.connections {
			ctx.Stop(c)
		}
	}
}

func (u *user) onAttach(ctx actor.Context, m *attach) {
	u.name = m.login.User
	if len(u.connections)+u.system.connectionsElsewhere(u.name) >= u.system.options.Load().MaxConnectionsPerUser {
		ctx.Send(u.shard.registry, &connectionEnded{user: u.name, pid: ctx.Self()})
		m.callback.answer(nil, ErrTooManyConnections)
		return
	}
	pid := spawnConnection(ctx, u.props)
	u.connections = append(u.connections, pid)
	ctx.Send(pid, m)
}

func (u *user) onTerminated(ctx actor.Context, m *actor.Terminated) {
	u.connections = slices.DeleteFunc(u.connections, func(c *actor.PID) bool { return c.Id == m.Who.Id })
	ctx.Send(u.shard.registry, &connectionEnded{user: u.name, pid: ctx.Self()})
}
