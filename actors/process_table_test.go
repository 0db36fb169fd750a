package actors

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// TestProcessTableIsSmall: the runtime of our own finds its processes in a few maps, and a host's is left alone.
func TestProcessTableIsSmall(t *testing.T) {
	s := &System{log: zap.NewNop()}
	own, release := hostOrOwn(nil, s)
	t.Cleanup(release)
	require.Len(t, own.ProcessRegistry.LocalPIDs.LocalPIDs, processShards)
	_, found := own.ProcessRegistry.GetLocal("eventstream")
	require.True(t, found, "what the runtime had started itself is still there")
	pid := own.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if ctx.Sender() != nil {
			ctx.Respond("here")
		}
	}))
	answer, err := own.Root.RequestFuture(pid, "who", deadLetterInterval*10_000).Result()
	require.NoError(t, err)
	require.Equal(t, "here", answer)
	require.NoError(t, own.Root.StopFuture(pid).Wait())
	_, found = own.ProcessRegistry.GetLocal(pid.Id)
	require.False(t, found)

	host := actor.NewActorSystem()
	t.Cleanup(host.Shutdown)
	before := len(host.ProcessRegistry.LocalPIDs.LocalPIDs)
	same, _ := hostOrOwn(host, s)
	require.Len(t, same.ProcessRegistry.LocalPIDs.LocalPIDs, before)
}
