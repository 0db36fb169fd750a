package actors

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
)

// runtimeLogger lets the actor runtime log to ours, from warnings upwards: below, it prints whole
// messages.
func runtimeLogger(log *zap.Logger) func(*actor.ActorSystem) *slog.Logger {
	core := log.WithOptions(zap.IncreaseLevel(zap.WarnLevel)).Core()
	return func(*actor.ActorSystem) *slog.Logger { return slog.New(zapslog.NewHandler(core)) }
}
