package actors

import (
	"context"
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
)

// runtimeLogger lets the actor runtime log to ours.
func runtimeLogger(log *zap.Logger) func(*actor.ActorSystem) *slog.Logger {
	handler := warnings{zapslog.NewHandler(log.Core())}
	return func(*actor.ActorSystem) *slog.Logger { return slog.New(handler) }
}

// warnings is a handler that leaves out what is less than a warning: there, the runtime prints
// whole messages.
type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

func (w warnings) WithGroup(name string) slog.Handler {
	return warnings{w.Handler.WithGroup(name)}
}
