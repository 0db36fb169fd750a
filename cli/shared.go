package cli

import (
	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/transport"
)

// shared is what the instances of one process have in common; of a single one it is empty, and each part has its own.
type shared struct {
	runtime  *actor.ActorSystem
	capacity *transport.Capacity
}

func newShared(log *zap.Logger) shared {
	return shared{runtime: actors.NewActorSystem(log), capacity: &transport.Capacity{}}
}

// close is called when the instances are gone.
func (s shared) close() { s.runtime.Shutdown() }
