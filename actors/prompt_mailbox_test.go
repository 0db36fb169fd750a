package actors

import (
	"runtime"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
)

// byHand is a dispatcher that keeps the turns, and an actor that notes what it handles.
type byHand struct {
	turns     []func()
	handled   []any
	silent    bool // it notes nothing
	onUser    func(message any)
	onFailure func()
}

func (h *byHand) Schedule(turn func()) { h.turns = append(h.turns, turn) }
func (h *byHand) Throughput() int      { return 2 }

func (h *byHand) InvokeUserMessage(message any) {
	if !h.silent {
		h.handled = append(h.handled, message)
	}
	if h.onUser != nil {
		h.onUser(message)
	}
}
func (h *byHand) InvokeSystemMessage(message any) { h.handled = append(h.handled, message) }
func (h *byHand) EscalateFailure(any, any)        { h.onFailure() }

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

// An actor that has failed handles nothing until its supervisor has decided.
func TestPromptMessagesWaitForASupervisor(t *testing.T) {
	m, h := newPromptMailbox()
	h.onFailure = func() { m.PostSystemMessage(&actor.SuspendMailbox{}) }
	h.onUser = func(any) { panic("test") }
	m.PostUserMessage(promptly)
	h.onUser = nil
	m.PostUserMessage(promptly)
	h.takeTurn(t)
	m.PostUserMessage(promptly)
	require.Len(t, h.handled, 1)
	require.Empty(t, h.turns)
	require.Equal(t, 2, m.UserMessageCount())
	m.PostSystemMessage(&actor.ResumeMailbox{})
	h.takeTurn(t)
	require.Len(t, h.handled, 3)
}

// An actor whose goroutine ends in a turn, as that of a test does that has failed, goes on in another one.
func TestPromptMailboxOutlivesGoroutines(t *testing.T) {
	m, h := newPromptMailbox()
	h.onUser = func(any) { m.PostUserMessage(later); runtime.Goexit() }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.PostUserMessage(promptly)
	}()
	<-ended
	h.onUser = nil
	h.takeTurn(t)
	m.PostUserMessage(promptly)
	require.Equal(t, []any{promptly, later, promptly}, h.handled)
}

// The messages of each sender arrive in order, in whichever goroutine they are handled, and the actor handles one at a time.
func TestPromptMailboxKeepsOrder(t *testing.T) {
	const senders, each = 4, 2000
	type numbered struct {
		pushUser
		sender, n int
	}
	m := &promptMailbox{}
	var next [senders]int // unguarded: the race detector sees where two handle at once
	handled := make(chan struct{}, senders*each)
	m.RegisterHandlers(&byHand{silent: true, onUser: func(message any) {
		got := message.(*numbered)
		if next[got.sender] != got.n {
			t.Errorf("%d of sender %d instead of %d", got.n, got.sender, next[got.sender])
		}
		next[got.sender] = got.n + 1
		handled <- struct{}{}
	}}, atOnce{})
	for sender := range senders {
		go func() {
			for n := range each {
				m.PostUserMessage(&numbered{pushUser{prompt: n%3 == 0}, sender, n})
			}
		}()
	}
	for range senders * each {
		<-handled
	}
}

// atOnce is a dispatcher with a goroutine for each turn.
type atOnce struct{}

func (atOnce) Schedule(turn func()) { go turn() }
func (atOnce) Throughput() int      { return 2 }
