package actors

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

type ignorantInvoker struct{}

func (ignorantInvoker) InvokeUserMessage(any)    {}
func (ignorantInvoker) InvokeSystemMessage(any)  {}
func (ignorantInvoker) EscalateFailure(any, any) {}

func (m *mailbox) isBusy() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.busy
}

// What a mailbox grew to in a storm is given back.
func TestMailboxLetsGo(t *testing.T) {
	m := &mailbox{invoker: ignorantInvoker{}, busy: true}
	for range 1000 {
		m.PostUserMessage(1)
		m.PostSystemMessage(2)
	}
	require.Len(t, m.user, 1000)
	m.handleQueued() // or goroutines that take over
	for m.isBusy() {
		runtime.Gosched()
	}
	require.Equal(t, &mailbox{invoker: ignorantInvoker{}}, m)
}
