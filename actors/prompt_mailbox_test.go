package actors

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// byHand is a dispatcher that keeps the turns, and an actor that notes what it handles.
type byHand struct {
	turns    []func()
	handled  []any
	onUser   func(message any)
	failures int
}

func (h *byHand) Schedule(turn func()) { h.turns = append(h.turns, turn) }
func (h *byHand) Throughput() int      { return 2 }

func (h *byHand) InvokeUserMessage(message any) {
	h.handled = append(h.handled, message)
	if h.onUser != nil {
		h.onUser(message)
	}
}
func (h *byHand) InvokeSystemMessage(message any) { h.handled = append(h.handled, message) }
func (h *byHand) EscalateFailure(any, any)        { h.failures++ }

// takeTurn is what a worker does.
func (h *byHand) takeTurn(t *testing.T) {
	require.Len(t, h.turns, 1)
	turn := h.turns[0]
	h.turns = nil
	turn()
}

func newPromptMailbox() (*promptMailbox, *byHand) {
	m, h := &promptMailbox{}, &byHand{}
	m.RegisterHandlers(h, h)
	return m, h
}

var promptly, later = &pushUser{user: "promptly", prompt: true}, &pushUser{user: "later"}

func TestPromptMessagesAreHandledAtOnce(t *testing.T) {
	m, h := newPromptMailbox()
	m.PostUserMessage(promptly)
	require.Equal(t, []any{promptly}, h.handled)
	m.PostUserMessage(later)
	require.Len(t, h.handled, 1, "a worker handles it")
	m.PostUserMessage(promptly)
	require.Equal(t, 2, m.UserMessageCount())
	h.takeTurn(t)
	require.Equal(t, []any{promptly, later, promptly}, h.handled, "in order")
	require.Zero(t, m.UserMessageCount())
	require.Empty(t, h.turns)
}

// A sender handles its own message, and no other.
func TestPromptMailboxLeavesTheRestToWorkers(t *testing.T) {
	m, h := newPromptMailbox()
	h.onUser = func(message any) {
		if h.onUser = nil; message == promptly {
			m.PostUserMessage(promptly)
			m.PostUserMessage(later)
			m.PostSystemMessage("system")
		}
	}
	m.PostUserMessage(promptly)
	require.Equal(t, []any{promptly}, h.handled)
	h.takeTurn(t)
	require.Equal(t, []any{promptly, "system", promptly, later}, h.handled, "messages of the runtime come first")
	m.PostUserMessage(promptly)
	require.Len(t, h.handled, 5, "the actor is idle again")
}

func TestPromptMessagesWaitForASupervisor(t *testing.T) {
	m, h := newPromptMailbox()
	h.onUser = func(any) { panic("test") }
	m.PostUserMessage(promptly)
	require.Equal(t, 1, h.failures)
	h.onUser = nil
	m.suspend(true)
	m.PostUserMessage(promptly)
	require.Len(t, h.handled, 1)
	require.Empty(t, h.turns)
	m.suspend(false)
	m.PostUserMessage(later)
	h.takeTurn(t)
	require.Equal(t, []any{promptly, promptly, later}, h.handled)
}

func TestFIFO(t *testing.T) {
	q := &fifo{}
	pushed, popped := 0, 0
	for _, step := range []int{1, -1, 3, -2, 5, -6, 2 * keptFIFO, -2 * keptFIFO, 1, -1} {
		for range max(step, 0) {
			q.push(pushed)
			pushed++
		}
		for range max(-step, 0) {
			require.Equal(t, popped, q.pop())
			popped++
		}
		require.Equal(t, pushed-popped, q.len())
		if q.len() == 0 {
			require.LessOrEqual(t, cap(q.in)+cap(q.out), keptFIFO, "what it grew to is given back")
		}
	}
}
