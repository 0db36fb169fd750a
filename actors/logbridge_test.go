package actors_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// The runtime's own lines below a warning are kept out of the log, also when the level is lowered
// while it runs: some show whole messages.
func TestRuntimeIsQuiet(t *testing.T) {
	level := zap.NewAtomicLevelAt(zap.ErrorLevel)
	core, logged := observer.New(level)
	bubble(t, func(o *actors.Options) { o.Logger = zap.New(core) }, func(t *testing.T, kit *actorstest.Kit) {
		level.SetLevel(zap.DebugLevel)
		kit.Control.OnCall(func() { panic("control is broken") }) // a recovery, which the runtime logs
		publish(t, kit, actors.StatsRequested{})
		alice := kit.Connect(t, "alice")
		pushes(alice)
		alice.End(actors.ClosedByClient)
		synctest.Wait()
		for _, entry := range logged.All() {
			require.NotContains(t, entry.Message, "[ACTOR]")
			require.NotContains(t, entry.Message, "[DeadLetter]")
		}
		require.Len(t, logged.FilterMessage("connection ended").All(), 1)
		require.Len(t, logged.FilterMessage("actor failed").All(), 1)
	})
}
