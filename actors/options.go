package actors

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
)

// Options are the settings of a System. DefaultOptions gives those of the daemon; start from
// there, for zero is a value of its own.
type Options struct {
	// ActorSystem is the host's; nil for one of our own. It is never shut down by us.
	ActorSystem *actor.ActorSystem
	// Logger is where to log; nil for nowhere.
	Logger *zap.Logger

	// MaxDebounceTime is the most that two file pushes, or two activity pushes, of one connection
	// are apart on average; it is reached with ten times as many connections as it has seconds.
	MaxDebounceTime time.Duration
	// NoDebounce sends every push at once.
	NoDebounce bool
	// MaxConnectionTime is how long a connection may last; 0 is for ever. The endings are spread
	// over the last quarter of it, in steps of a second: less than 10 s hardly spreads them.
	MaxConnectionTime time.Duration
	// MaxConnectionsPerUser is how many connections one user may have; at least 1.
	MaxConnectionsPerUser int

	// AuthKey is the key of the digests that stand for credentials; nil for a random one. A fixed
	// key lets the next process take over logins (see Logins and Resume).
	AuthKey []byte
	// AuthCacheTTL is how long credentials are good after Nextcloud accepted them; 0 is not at all.
	AuthCacheTTL time.Duration
	// AuthResume is how long after the end of a connection its credentials are good for another
	// one; as long as the connection lives they are, too. 0 turns both off.
	AuthResume time.Duration
	// AuthMaxAge is how long after Nextcloud accepted credentials they are good at most, whatever
	// AuthCacheTTL and AuthResume say; 0 is not at all.
	AuthMaxAge time.Duration
	// AuthRefusalTTL is how long Nextcloud's refusal is remembered; 0 is not at all.
	AuthRefusalTTL time.Duration
	// AuthConcurrency is how many logins Nextcloud is asked about at once; 0 sets no limit.
	AuthConcurrency int

	// DrainTimeout is the most over which closing all connections is spread; 0 is at once. Few
	// connections are closed faster than that.
	DrainTimeout time.Duration
	// NoResync leaves out the push of each kind to everybody after the subscription was lost.
	NoResync bool
}

// DefaultOptions returns the daemon's defaults.
func DefaultOptions() Options {
	return Options{
		MaxDebounceTime:       15 * time.Second,
		MaxConnectionsPerUser: 64,
		AuthCacheTTL:          time.Minute,
		AuthResume:            2 * time.Minute,
		AuthMaxAge:            12 * time.Hour,
		AuthRefusalTTL:        5 * time.Second,
		AuthConcurrency:       32,
		DrainTimeout:          10 * time.Second,
	}
}

func (o Options) validate() error {
	if o.MaxConnectionsPerUser < 1 {
		return fmt.Errorf("actors: option MaxConnectionsPerUser is %d, it must be 1 or more", o.MaxConnectionsPerUser)
	}
	if o.AuthConcurrency < 0 {
		return fmt.Errorf("actors: option AuthConcurrency is %d, it must not be negative", o.AuthConcurrency)
	}
	for _, span := range []struct {
		name  string
		value time.Duration
	}{
		{"MaxDebounceTime", o.MaxDebounceTime},
		{"MaxConnectionTime", o.MaxConnectionTime},
		{"AuthCacheTTL", o.AuthCacheTTL},
		{"AuthResume", o.AuthResume},
		{"AuthMaxAge", o.AuthMaxAge},
		{"AuthRefusalTTL", o.AuthRefusalTTL},
		{"DrainTimeout", o.DrainTimeout},
	} {
		if span.value < 0 {
			return fmt.Errorf("actors: option %s is %v, it must not be negative", span.name, span.value)
		}
	}
	return nil
}
