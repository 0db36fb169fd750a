package actors

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
)

// The supervision tree, and all that we ask of the runtime beyond sending:
//
//	push ─┬─ listener     restarted
//	      ├─ mapper       restarted
//	      ├─ auth         restarted
//	      └─ registry ×4  restarted, which ends its users
//	          └─ user           stopped, which ends its connections
//	              └─ connection stopped; the client comes back
//
// A restarted actor goes on with its next message, so one that fails at each message still costs
// no more than those. Mapper and auth take over what the incarnation before knew and nobody else
// does; the listener subscribes anew, and has refresh pushes sent to the clients.

// deadLetterInterval is for how long the runtime counts dead letters that it does not log, in a goroutine that
// may outlive the system by as long.
const deadLetterInterval = time.Millisecond

// hostOrOwn returns the host's runtime or a quiet one of our own, and how to let go of it.
func hostOrOwn(host *actor.ActorSystem, s *System) (*actor.ActorSystem, func()) {
	if host != nil {
		return host, func() {}
	}
	own := NewActorSystem(s.log)
	return own, own.Shutdown
}

// quiet is part of every message: nothing is wrong when one reaches an actor that is gone, and some hold
// secrets that a host's log should not see.
type quiet struct{}

// IgnoreDeadLetterLogging keeps the runtime from logging the message.
func (quiet) IgnoreDeadLetterLogging() {}

// spawnTop spawns the root of our tree, which spawns the others and has nothing else to do.
func (s *System) spawnTop() {
	spawned := make(chan struct{})
	s.top = s.root.SpawnPrefix(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, started := ctx.Message().(*actor.Started); started {
			s.spawnActors(ctx)
			close(spawned)
		}
	}, actor.WithSupervisor(actor.RestartingSupervisorStrategy())), "push")
	<-spawned
}

// spawnActors starts the listener last: when the first event comes, all others are there.
func (s *System) spawnActors(ctx actor.Context) {
	spawn := func(name string, throughput int, producer func() actor.Actor, options ...actor.PropsOption) *actor.PID {
		options = append(options, actor.WithDispatcher(dispatcher{s, throughput}))
		pid, err := ctx.SpawnNamed(actor.PropsFromProducer(producer, options...), name)
		if err != nil {
			panic(err) // top's name is ours alone, so its children's are
		}
		return pid
	}
	var a *auth
	s.auth = spawn("auth", throughput, func() actor.Actor { a = newAuth(s, a); return a })
	for i := range s.registries {
		shard := &shard{mailbox: &promptMailbox{}}
		s.registries[i] = spawn(fmt.Sprint("registry", i), throughput,
			func() actor.Actor { return newRegistry(s, shard, atRegistry+station(i)) },
			actor.WithMailbox(func() actor.Mailbox { return shard.mailbox }))
		shard.registry = s.registries[i]
	}
	var m *mapper
	s.mapper = spawn("mapper", throughput, func() actor.Actor { m = newMapper(s, m); return m })
	s.listener = spawn("listener", headlong, func() actor.Actor { return newListener(s) },
		actor.WithMailbox(func() actor.Mailbox { return &promptMailbox{} }))
}

// How many messages an actor handles before others get a turn. The listener handles all that has
// come: in a flood the registries' queues are then deep, and more of a client's frames leave in one
// write.
const throughput, headlong = 300, maxInFlight

// stopTop stops the tree, children first, and waits.
func (s *System) stopTop() {
	for s.root.StopFuture(s.top).Wait() != nil { // it gives up after 10 s
		s.log.Warn("actors are still stopping")
	}
}

// userProps are those of the users of one registry, and of their connections: one for all, for
// they cost more than an actor.
func (s *System) userProps(shard *shard) *actor.Props {
	connections := actor.PropsFromProducer(
		func() actor.Actor { return &connection{system: s, shard: shard} },
		actor.WithMailbox(newMailbox))
	return actor.PropsFromProducer(
		func() actor.Actor { return &user{system: s, shard: shard, props: connections} },
		actor.WithMailbox(newMailbox))
}

// spawnConnection spawns a child of a user. The runtime would keep a table of a parent's children
// that takes as much memory as both actors, so it isn't sent; the user knows its connections, and
// stops them when it is stopped itself.
func spawnConnection(user actor.Context, props *actor.Props) *actor.PID {
	id := user.Self().Id + "/" + user.ActorSystem().ProcessRegistry.NextId()
	pid, err := actor.DefaultSpawner(user.ActorSystem(), id, props, user)
	if err != nil {
		panic(err) // ids are never used twice
	}
	return pid
}

// HandleFailure stops a user that panicked, and forgets it.
func (r *registry) HandleFailure(_ *actor.ActorSystem, supervisor actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	r.onUserFailed(child)
	supervisor.StopChildren(child)
}

// HandleFailure stops a connection that panicked.
func (u *user) HandleFailure(_ *actor.ActorSystem, supervisor actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	supervisor.StopChildren(child)
}

// reportPanic logs a panic with its stack and passes it on to the supervisor, unless the actor is
// ending already: the runtime would forget to end it then, and wait for that for ever.
func (s *System) reportPanic(ctx actor.Context) {
	reason := recover()
	if reason == nil {
		return
	}
	s.failed(ctx.Self().Id, reason)
	switch ctx.Message().(type) {
	case *actor.Stopping, *actor.Restarting:
	default:
		panic(reason)
	}
}

// errPanic stands for a panic in a port. The log has more.
var errPanic = errors.New("internal failure")

// guarded calls a port from a goroutine of its own. A panic there would end the process, so it is
// made an error.
func (s *System) guarded(port string, call func() error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			s.failed(port, reason)
			err = errPanic
		}
	}()
	return call()
}

func (s *System) failed(who string, reason any) {
	s.counters.failures.Add(1)
	s.log.Error("actor failed", zap.String("actor", who), zap.Any("reason", reason),
		zap.ByteString("stack", debug.Stack()))
}
