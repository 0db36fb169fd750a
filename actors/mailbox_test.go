package actors_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

var withMailbox = actor.WithMailbox(actors.NewMailbox)

// The messages of each sender arrive in order, none is lost, and before the sender goes on they
// have been handled, or are about to be.
func TestMailboxKeepsOrder(t *testing.T) {
	host := quietHost()
	probe := actorstest.NewProbe(t, host, withMailbox)
	const senders, each = 8, 2000
	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			for i := range each {
				host.Root.Send(probe.PID, [2]int{sender, i})
			}
		})
	}
	all.Wait()
	var next [senders]int
	for range senders * each {
		message := probe.Next(t).([2]int)
		require.Equal(t, next[message[0]], message[1])
		next[message[0]]++
	}
	require.Empty(t, probe.All())
}

// One goroutine at a time is inside the actor, and it needs none of its own.
func TestMailboxHandlesOneAtATime(t *testing.T) {
	host := quietHost()
	var inside, handled atomic.Int32
	pid := host.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if inside.Add(1) != 1 {
			t.Error("two at once")
		}
		if n, ok := ctx.Message().(int); ok {
			if handled.Add(1); n > 0 {
				ctx.Send(ctx.Self(), n-1) // to itself: comes after, not within
			}
		}
		if last, ok := ctx.Message().(*actor.PID); ok {
			if handled.Load() < 4*500*4 {
				ctx.Send(ctx.Self(), last)
			} else {
				ctx.Send(last, "done")
			}
		}
		inside.Add(-1)
	}, withMailbox))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 500 {
				host.Root.Send(pid, 3)
			}
		})
	}
	all.Wait()
	last := actorstest.NewProbe(t, host)
	host.Root.Send(pid, last.PID)
	last.Next(t)
	require.EqualValues(t, 4*500*4, handled.Load())
	require.NoError(t, host.Root.StopFuture(pid).Wait())
}

// A sender of one message does not have to work through what others send.
func TestMailboxReleasesTheSender(t *testing.T) {
	host := quietHost()
	done := make(chan struct{})
	handled := 0
	pid := host.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		n, ok := ctx.Message().(int)
		switch {
		case !ok:
		case n == 0:
			for i := range 1000 {
				ctx.Send(ctx.Self(), i+1)
			}
		case n == 1000:
			<-done
			fallthrough
		default:
			if handled++; handled != n {
				t.Errorf("message %d is handled as number %d", n, handled)
			}
		}
	}, withMailbox))
	host.Root.Send(pid, 0) // would not return
	close(done)
	require.NoError(t, host.Root.StopFuture(pid).Wait())
}

// After a panic the supervisor decides, and what was queued is handled after it has.
func TestMailboxIsSuspendedAfterPanic(t *testing.T) {
	host := quietHost()
	var log []string
	child := actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Started, *actor.Restarting, *actor.Stopped:
			log = append(log, fmt.Sprintf("%T", m))
		case string:
			if m == "panic" {
				ctx.Send(ctx.Self(), "after")
				panic(m)
			}
			log = append(log, m)
		}
	}, withMailbox)
	parent := host.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, started := ctx.Message().(*actor.Started); started {
			pid := ctx.Spawn(child)
			ctx.Send(pid, "before")
			ctx.Send(pid, "panic")
		}
	}, withMailbox))
	require.NoError(t, host.Root.StopFuture(parent).Wait())
	require.Equal(t, []string{"*actor.Started", "before", "*actor.Restarting", "*actor.Started", "after", "*actor.Stopped"}, log)
}

// Until the supervisor has decided, nothing is handled.
func TestMailboxWaitsForTheSupervisor(t *testing.T) {
	host := quietHost()
	handled := actorstest.NewProbe(t, host)
	child := actor.PropsFromFunc(func(ctx actor.Context) {
		if m, ok := ctx.Message().(string); ok {
			if m == "panic" {
				panic(m)
			}
			ctx.Send(handled.PID, m)
		}
	}, withMailbox)
	pids, decide := make(chan *actor.PID, 1), make(chan struct{})
	parent := host.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, started := ctx.Message().(*actor.Started); started {
			pids <- ctx.Spawn(child)
			<-decide
		}
	}))
	pid := <-pids
	for _, m := range []string{"before", "panic", "during", "during, too"} {
		host.Root.Send(pid, m)
	}
	require.Equal(t, "before", handled.Next(t))
	require.Empty(t, handled.All())
	close(decide)
	require.Equal(t, "during", handled.Next(t))
	require.Equal(t, "during, too", handled.Next(t))
	require.NoError(t, host.Root.StopFuture(parent).Wait())
}

// To stop is not delayed by what is queued.
func TestMailboxStopsFirst(t *testing.T) {
	host := quietHost()
	var log []string
	pid := host.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Stopping:
			log = append(log, "stopping")
		case string:
			log = append(log, m)
			ctx.Send(ctx.Self(), "queued")
			ctx.Stop(ctx.Self())
		}
	}, withMailbox))
	host.Root.Send(pid, "first")
	require.Equal(t, []string{"first", "stopping"}, log)
}

func TestMailboxCounts(t *testing.T) {
	mailbox := actors.NewMailbox()
	invoker := &blockedInvoker{entered: make(chan struct{}), leave: make(chan struct{})}
	mailbox.RegisterHandlers(invoker, nil)
	go mailbox.PostUserMessage(1)
	<-invoker.entered
	for range 1000 {
		mailbox.PostUserMessage(2)
	}
	require.Equal(t, 1000, mailbox.UserMessageCount())
	close(invoker.leave)
	for range 1000 {
		<-invoker.entered
	}
	require.Zero(t, mailbox.UserMessageCount())
}

// blockedInvoker is an actor that is stuck in its first message.
type blockedInvoker struct{ entered, leave chan struct{} }

func (i *blockedInvoker) InvokeUserMessage(any)    { i.entered <- struct{}{}; <-i.leave }
func (i *blockedInvoker) InvokeSystemMessage(any)  {}
func (i *blockedInvoker) EscalateFailure(any, any) {}
