package actors

import (
	"runtime"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
)

// promptMailbox is that of the listener and the registries. A prompt message that finds the actor idle is handled at once, by the
// goroutine that sends it, and everything else by a worker. For each change of goroutine Go's runtime wakes a thread, which looks for
// more to do, and that was a quarter of what a lone push cost.
//
// It is safe for concurrent use. Other than with mailbox, a sender never handles what others send.
type promptMailbox struct {
	mailbox
	dispatcher actor.Dispatcher // set once; it must not run a turn in Schedule
}

// prompt is a message that may be handled by the goroutine that sends it.
type prompt interface{ isPrompt() bool }

// RegisterHandlers is called by the actor runtime before the first message.
func (m *promptMailbox) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	m.invoker, m.dispatcher = invoker, dispatcher
}

// PostUserMessage handles a prompt message where the actor is idle, and queues every other one.
func (m *promptMailbox) PostUserMessage(message any) {
	if p, is := message.(prompt); is && p.isPrompt() && m.take() {
		defer m.release() // also where the actor ends the goroutine
		m.handle(message, m.onUserMessage)
		return
	}
	m.queue(&m.user, message)
}

// PostSystemMessage queues a message of the actor runtime.
func (m *promptMailbox) PostSystemMessage(message any) { m.queue(&m.system, message) }

// take makes an idle actor busy, and reports whether it was idle: then nothing is queued, unless it waits for its supervisor.
func (m *promptMailbox) take() (idle bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy || m.suspended {
		return false
	}
	m.busy = true
	return true
}

// release ends what take has begun, and leaves what came meanwhile to a worker.
func (m *promptMailbox) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.busy = false
	m.schedule()
}

func (m *promptMailbox) queue(queue *[]any, message any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(*queue); n == cap(*queue) { // append makes a long one only a quarter longer, and pop has used up its beginning soon
		*queue = slices.Grow(*queue, n+1)
	}
	*queue = append(*queue, message)
	m.schedule()
}

// schedule has a worker handle what is queued, unless somebody is at it. mu is held.
func (m *promptMailbox) schedule() {
	if !m.busy && (len(m.system) > 0 || len(m.user) > 0 && !m.suspended) {
		m.busy = true
		m.dispatcher.Schedule(m.turn)
	}
}

func (m *promptMailbox) turn() {
	for m.handleSome(m.dispatcher.Throughput()) {
		runtime.Gosched()
	}
}
