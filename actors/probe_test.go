package actors_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

func probe(t *testing.T, kit *actorstest.Kit) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	return kit.System.Probe(ctx)
}

func TestProbe(t *testing.T) {
	bubble(t, immediately, func(t *testing.T, kit *actorstest.Kit) {
		require.NoError(t, probe(t, kit))
		kit.Mounts.Block()
		kit.Verifier.Block()
		publish(t, kit, fileEvent(1, 1))
		attempts(t, kit, 100, func(int) actors.Credentials { return alicesCredentials })
		require.NoError(t, probe(t, kit), "a neighbour that hangs is not our failure")
		kit.Mounts.Unblock()
		kit.Verifier.Unblock()
		synctest.Wait()

		socket := &stuckSocket{actorstest.NewSocket(), make(chan struct{})}
		go func() { _ = kit.System.Attach(kit.Login(t, "alice"), socket) }()
		synctest.Wait()
		require.ErrorIs(t, probe(t, kit), context.DeadlineExceeded)
		close(socket.stuck)
		require.NoError(t, probe(t, kit))
	})
}
