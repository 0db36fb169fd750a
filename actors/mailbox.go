package actors

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// mailbox is that of users and connections. A message that finds the actor idle is handled at
// once, by the goroutine that sends it; one that finds it busy waits until that goroutine comes to
// it. So an actor at rest has no goroutine, its mailbox is nearly always empty, and what it grew to in a
// storm is given back. The runtime's own mailbox takes five times the memory.
//
// It is safe for concurrent use. A sender may find itself handling what others send meanwhile, for at most
// throughput messages. A panic of the actor goes to its supervisor, and not to the sender.
type mailbox struct {
	// set once
	invoker actor.MessageInvoker

	// guarded by mu
	mu        sync.Mutex
	busy      bool
	suspended bool  // after a panic, until the supervisor has decided
	stopped   bool  // the actor handles nothing any more; owned by the goroutine that is busy
	system    []any // messages of the runtime; they come first
	user      []any
}

func newMailbox() actor.Mailbox { return &mailbox{} }

// RegisterHandlers is called by the runtime before the first message. There is nothing to dispatch.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

// Start is called by the runtime after the first message.
func (m *mailbox) Start() {}

// UserMessageCount returns how many messages wait.
func (m *mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.user)
}

// PostUserMessage handles a message, or leaves it to the goroutine that is busy with the actor.
func (m *mailbox) PostUserMessage(message any) {
	m.mu.Lock()
	if m.busy || m.suspended {
		m.user = append(m.user, message)
		m.mu.Unlock()
		return
	}
	m.busy = true
	m.mu.Unlock()
	m.handle(message, m.onUserMessage)
	m.handleQueued()
}

// PostSystemMessage is PostUserMessage for messages of the runtime.
func (m *mailbox) PostSystemMessage(message any) {
	m.mu.Lock()
	if m.busy {
		m.system = append(m.system, message)
		m.mu.Unlock()
		return
	}
	m.busy = true
	m.mu.Unlock()
	m.handle(message, m.onSystemMessage)
	m.handleQueued()
}

// handleQueued handles what others have sent meanwhile. Where they go on and on, a goroutine of its
// own takes over, because the one that came with the first message has other work to do.
func (m *mailbox) handleQueued() {
	if m.handleSome(throughput) {
		go m.handleQueued()
	}
}

// handleSome handles what is queued, but no more than limit messages, and reports whether there may be more. Where there are none, the
// actor is idle.
func (m *mailbox) handleSome(limit int) (more bool) {
	for range limit {
		m.mu.Lock()
		var message any
		var how func(any)
		switch {
		case len(m.system) > 0:
			message, how = pop(&m.system), m.onSystemMessage
		case len(m.user) > 0 && !m.suspended:
			message, how = pop(&m.user), m.onUserMessage
		default:
			m.busy = false
			m.mu.Unlock()
			return false
		}
		m.mu.Unlock()
		m.handle(message, how)
	}
	return true
}

// handle calls the actor; a panic there goes to its supervisor.
func (m *mailbox) handle(message any, how func(any)) {
	defer func() {
		if reason := recover(); reason != nil {
			m.invoker.EscalateFailure(reason, message)
		}
	}()
	how(message)
}

// question is a message that somebody waits for the answer of. The runtime would drop those that
// an actor which stops has in its mailbox, or that come later.
type question interface{ refuse() }

func (m *mailbox) onUserMessage(message any) {
	if q, asked := message.(question); asked && m.stopped {
		q.refuse()
		return
	}
	m.invoker.InvokeUserMessage(message)
}

func (m *mailbox) onSystemMessage(message any) {
	switch message.(type) {
	case *actor.SuspendMailbox:
		m.suspend(true)
	case *actor.ResumeMailbox:
		m.suspend(false)
	case *actor.Stop:
		m.invoker.InvokeSystemMessage(message)
		m.stopped = true
		m.suspend(false)
	default:
		m.invoker.InvokeSystemMessage(message)
	}
}

func (m *mailbox) suspend(suspended bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.suspended = suspended
}

// pop takes the first message out of a queue, and lets go of the queue when it was the last.
func pop(queue *[]any) any {
	first := (*queue)[0]
	(*queue)[0] = nil
	if *queue = (*queue)[1:]; len(*queue) == 0 {
		*queue = nil
	}
	return first
}
