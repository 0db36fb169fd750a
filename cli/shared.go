package cli

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/notifypush/notifypush/transport"
)

// shared is what the instances of one process have in common; of a single one it is empty, and each part has its own.
type shared struct {
	runtime  *actor.ActorSystem
	capacity *transport.Capacity
}

// newShared makes it. Here is the one place where that is done.
func newShared() shared {
	return shared{
		runtime: actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
			return slog.New(slog.DiscardHandler) // each instance's own log has what its actors say
		})),
		capacity: &transport.Capacity{},
	}
}

// close is called when the instances are gone.
func (s shared) close() {
	if s.runtime != nil {
		s.runtime.Shutdown()
	}
}
