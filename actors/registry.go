package actors

import (
	"hash/maphash"
	"maps"
	"runtime"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
)

// shards is how many registries there are: enough for the cores that push servers have.
const shards = 4

// registry is a user-registry actor. There are several, and each user belongs to one of them. It alone spawns and
// stops user actors, and knows how many connections each has been given, so a new connection never meets a dying
// user. What it sends to a user runs, down to the socket, before it goes on: that keeps its own queue, and so the
// listener, in step with the sockets.
//
// Anybody may send to it; it decodes nothing, waits for nothing and calls nobody. If it panics it is restarted,
// which ends its users, and their clients come back.
type registry struct {
	// set once
	system *System
	shard  *shard
	at     station

	// owned by Receive
	props  *actor.Props // of its users
	users  map[string]*registered
	crowds map[string]struct{} // users with many connections, where there are other servers
}

// shard is a registry as its users and connections see it, over all its incarnations. It is set once, before
// anything is sent to the registry.
type shard struct {
	registry *actor.PID
	mailbox  actor.Mailbox // the registry's
}

// isIdle reports whether the registry has nothing more to do than what it does now.
func (s *shard) isIdle() bool { return s.mailbox.UserMessageCount() == 0 }

// registered is a user with connections.
type registered struct {
	pid         *actor.PID
	connections int // given to the user and not yet ended
}

func newRegistry(system *System, shard *shard, at station) actor.Actor {
	return &registry{system: system, shard: shard, at: at, users: map[string]*registered{}, crowds: map[string]struct{}{}}
}

func (r *registry) Receive(ctx actor.Context) {
	defer r.system.handled(r.at)
	defer r.system.reportPanic(ctx)
	switch m := ctx.Message().(type) {
	case *pushUser:
		r.onPushUser(ctx, m)
	case *pushUsers:
		r.onPushUsers(ctx, m)
	case *flushTurn:
		ctx.Send(m.connection, &flush{})
	case *attach:
		r.onAttach(ctx, m)
	case *loginRevoked:
		r.pass(ctx, m.user, m)
	case *disconnectUser:
		r.pass(ctx, m.user, &closeAll{reason: Disconnected})
	case *listUsers:
		m.answer <- slices.AppendSeq(make([]string, 0, len(r.users)), maps.Keys(r.users))
	case *listConnections:
		if !r.pass(ctx, m.user, m) {
			m.answer <- nil
		}
	case *sendUser:
		r.onSendUser(ctx, m)
	case *pushAll:
		r.onPushAll(ctx, m)
	case *connectionEnded:
		r.onConnectionEnded(ctx, m)
	case *closeAll, *refreshAll:
		for _, u := range r.users {
			ctx.Send(u.pid, m)
		}
	case *actor.Terminated: // a user that was removed
		r.system.countEnd(&r.system.stoppingUsers)
	case *countCrowds:
		r.onCountCrowds(m)
	case *probe:
		m.passed <- r.at
	case *actor.Started:
		r.props = r.system.userProps(r.shard)
	case *actor.Stopping, *actor.Restarting:
		r.system.stoppingUsers.Add(int64(len(r.users)))
		r.system.counters.activeUsers.Add(-int64(len(r.users)))
		clear(r.users)
		clear(r.crowds)
	}
}

func (r *registry) onPushUser(ctx actor.Context, m *pushUser) {
	defer r.system.inFlight.release(len(m.push.frame))
	r.push(ctx, m.user, m.push)
}

func (r *registry) onPushUsers(ctx actor.Context, m *pushUsers) {
	defer r.system.inFlight.release(m.size())
	for i, name := range m.users {
		letOthersRun(i)
		r.push(ctx, name, m.push)
	}
}

func (r *registry) onSendUser(ctx actor.Context, m *sendUser) {
	defer r.system.inFlight.release(len(m.push.frame))
	m.answer <- r.push(ctx, m.user, m.push)
}

func (r *registry) onPushAll(ctx actor.Context, m *pushAll) {
	defer r.system.inFlight.release(len(m.push.frame))
	pushed := 0
	for name := range r.users {
		letOthersRun(pushed)
		r.push(ctx, name, m.push)
		pushed++
	}
}

// letOthersRun is called before each of many pushes or pings. After every 128, which take one to two milliseconds, other goroutines get the
// processor: a goroutine that runs for 10 ms is interrupted by the runtime, which also takes its processor away in the middle of writes.
// That made a push to thousands a tenth slower.
func letOthersRun(pushed int) {
	if pushed%128 == 127 {
		runtime.Gosched()
	}
}

// push sends a push to a user, and returns how many connections that has.
func (r *registry) push(ctx actor.Context, name string, p *push) (connections int) {
	u := r.users[name]
	if u == nil {
		return 0
	}
	ctx.Send(u.pid, p)
	r.system.hooks.pushed(name, p, u.connections)
	return u.connections
}

// pass sends a message to a user, and reports whether the user is there.
func (r *registry) pass(ctx actor.Context, user string, message any) bool {
	u := r.users[user]
	if u != nil {
		ctx.Send(u.pid, message)
	}
	return u != nil
}

func (r *registry) onAttach(ctx actor.Context, m *attach) {
	if r.system.stopping.Load() {
		m.callback.answer(nil, ErrShutDown)
		return
	}
	if r.system.IsDrained() {
		m.callback.answer(nil, ErrDrained)
		return
	}
	u := r.users[m.login.User]
	if u == nil {
		u = &registered{pid: ctx.Spawn(r.props)}
		r.users[m.login.User] = u
		r.system.counters.activeUsers.Add(1)
	}
	u.connections++
	r.noteCrowd(m.login.User, u.connections)
	ctx.Send(u.pid, m)
}

func (r *registry) onConnectionEnded(ctx actor.Context, m *connectionEnded) {
	u := r.users[m.user]
	if u == nil || u.pid.Id != m.pid.Id {
		return
	}
	u.connections--
	r.noteCrowd(m.user, u.connections)
	if u.connections == 0 {
		r.remove(m.user)
		ctx.Stop(u.pid)
	}
}

// onUserFailed forgets a user whose actor panicked.
func (r *registry) onUserFailed(pid *actor.PID) {
	for name, u := range r.users {
		if u.pid.Id == pid.Id {
			r.remove(name)
			return
		}
	}
}

func (r *registry) remove(name string) {
	delete(r.users, name)
	delete(r.crowds, name)
	r.system.stoppingUsers.Add(1)
	r.system.counters.activeUsers.Add(-1)
}

var shardSeed = maphash.MakeSeed()

// shardOf returns the number of the registry that a user belongs to.
func shardOf(user string) int { return int(maphash.String(shardSeed, user) % shards) }
