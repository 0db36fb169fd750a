package actors

import (
	"runtime"

	"github.com/asynkron/protoactor-go/actor"
)

// promptMailbox is that of the listener and the registries. A prompt message that finds the actor idle is handled at once, by the
// goroutine that sends it, and everything else by a worker. For each change of goroutine the runtime wakes a thread, which looks for
// more to do, and that was a quarter of what a lone push cost.
//
// It is safe for concurrent use. Other than with mailbox, a sender never handles what others send, and what the queue grew to in a
// flood is kept until it is empty.
type promptMailbox struct {
	mailbox                     // whose user is not used
	dispatcher actor.Dispatcher // set once
	queue      fifo             // guarded by mu
}

// prompt is a message that may be handled by the goroutine that sends it.
type prompt interface{ isPrompt() bool }

// RegisterHandlers is called by the runtime before the first message.
func (m *promptMailbox) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	m.invoker, m.dispatcher = invoker, dispatcher
}

// UserMessageCount returns how many messages wait.
func (m *promptMailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.queue.len()
}

// PostUserMessage handles a prompt message where the actor is idle, and queues every other one.
func (m *promptMailbox) PostUserMessage(message any) {
	p, is := message.(prompt)
	prompt := is && p.isPrompt()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !prompt || m.busy || m.suspended {
		m.queue.push(message)
		m.schedule()
		return
	}
	m.busy = true
	m.mu.Unlock()
	m.handle(message, m.onUserMessage)
	m.mu.Lock()
	m.busy = false
	m.schedule()
}

// PostSystemMessage queues a message of the runtime.
func (m *promptMailbox) PostSystemMessage(message any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.system = append(m.system, message)
	m.schedule()
}

// schedule has a worker handle what is queued, unless somebody is at it. mu is held.
func (m *promptMailbox) schedule() {
	if !m.busy && (len(m.system) > 0 || m.queue.len() > 0 && !m.suspended) {
		m.busy = true
		m.dispatcher.Schedule(m.turn)
	}
}

func (m *promptMailbox) turn() {
	for m.handleSome(m.dispatcher.Throughput(), m.next) {
		runtime.Gosched()
	}
}

// next is mailbox's, with the other queue.
func (m *promptMailbox) next() (message any, from sender) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case len(m.system) > 0:
		return pop(&m.system), fromRuntime
	case m.queue.len() > 0 && !m.suspended:
		return m.queue.pop(), fromUser
	default:
		m.busy = false
		return nil, fromNobody
	}
}

// fifo is a queue of messages in two slices, of which the one is filled while the other is emptied: in a flood it allocates nothing.
// The zero value is empty. It is not safe for concurrent use.
type fifo struct {
	in, out []any
	taken   int // of out
}

// keptFIFO is for how many messages an empty fifo keeps its memory.
const keptFIFO = 16384

func (q *fifo) len() int { return len(q.in) + len(q.out) - q.taken }

func (q *fifo) push(message any) { q.in = append(q.in, message) }

// pop returns the first message; there must be one.
func (q *fifo) pop() any {
	if q.taken == len(q.out) {
		q.in, q.out, q.taken = q.out[:0], q.in, 0
	}
	first := q.out[q.taken]
	q.out[q.taken] = nil
	if q.taken++; q.len() == 0 && cap(q.in)+cap(q.out) > keptFIFO {
		*q = fifo{}
	}
	return first
}
