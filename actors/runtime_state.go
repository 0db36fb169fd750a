package actors

import (
	"strings"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/eventstream"
	"github.com/asynkron/protoactor-go/extensions"
	"go.uber.org/zap"
)

// NewActorSystem returns an actor system for Options.ActorSystem that many Systems share: with one of its own each would take
// 30 KiB more. It is small and, but for warnings, logs nothing; a nil log is nowhere. Shut it down after the last of them.
func NewActorSystem(log *zap.Logger) *actor.ActorSystem {
	if log == nil {
		log = zap.NewNop()
	}
	runtime := actor.NewActorSystem(
		actor.WithLoggerFactory(runtimeLogger(log)),
		actor.WithDeadLetterRequestLogging(false),
		actor.WithDeadLetterThrottleInterval(deadLetterInterval),
	)
	shrinkProcessTable(runtime)
	return runtime
}

// runtimeState is what the Systems on one runtime share, so that hundreds of them are one call for a dead letter and few goroutines. The
// runtime keeps it as an extension; while no System runs it holds nothing.
type runtimeState struct {
	workers     workers
	deadLetters deadLetters
}

var (
	runtimeStateID = extensions.NextExtensionID()
	runtimeStateMu sync.Mutex // guards the runtimes' extension
)

// ExtensionID says to the runtime which of its extensions this is.
func (*runtimeState) ExtensionID() extensions.ExtensionID { return runtimeStateID }

// runtimeStateOf returns what the Systems on a runtime share.
func runtimeStateOf(runtime *actor.ActorSystem) *runtimeState {
	runtimeStateMu.Lock()
	defer runtimeStateMu.Unlock()
	if n, known := runtime.Extensions.Get(runtimeStateID).(*runtimeState); known {
		return n
	}
	n := &runtimeState{deadLetters: deadLetters{systems: map[string]*System{}}}
	runtime.Extensions.Register(n)
	return n
}

// deadLetters counts what is sent to actors that are gone, for the System whose they were, and answers the questions among
// that. It is safe for concurrent use.
type deadLetters struct {
	mu           sync.RWMutex
	systems      map[string]*System // by the name of their top
	subscription *eventstream.Subscription
}

// watch counts until end is called.
func (d *deadLetters) watch(s *System) (end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.systems) == 0 {
		d.subscription = s.runtime.EventStream.Subscribe(d.onEvent)
	}
	d.systems[s.top.Id] = s
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if delete(d.systems, s.top.Id); len(d.systems) == 0 {
			s.runtime.EventStream.Unsubscribe(d.subscription)
		}
	}
}

func (d *deadLetters) onEvent(event any) {
	dead, isDeadLetter := event.(*actor.DeadLetterEvent)
	if !isDeadLetter {
		return
	}
	if q, asked := dead.Message.(question); asked {
		q.refuse()
	}
	if _, expected := dead.Message.(actor.IgnoreDeadLetterLogging); expected {
		return
	}
	top, _, isChild := strings.Cut(dead.PID.GetId(), "/")
	d.mu.RLock()
	defer d.mu.RUnlock()
	if s := d.systems[top]; s != nil && isChild {
		s.counters.deadLetters.Add(1)
	}
}
