package actors

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"
)

// Options are the settings of a System. The zero value has the daemon's defaults. A setting whose zero has
// a meaning of its own is a pointer, of which nil is the default: write new(time.Minute), or
// new(time.Duration) for 0. None may be negative.
type Options struct {
	// ActorSystem is the host's; nil for one of our own. It is never shut down by us.
	ActorSystem *actor.ActorSystem
	// Logger is where to log; nil for nowhere.
	Logger *zap.Logger

	// MaxDebounceTime is the most that two file pushes, or two activity pushes, of one connection
	// are apart on average; it is reached with ten times as many connections as it has seconds. nil is
	// 15 s; 0 leaves only the first wait of 100 ms.
	MaxDebounceTime *time.Duration
	// NoDebounce sends every push at once.
	NoDebounce bool
	// MaxConnectionTime is how long a connection may last; 0 is for ever. The ends are spread over the
	// last quarter of it, in steps of a second: less than 10 s hardly spreads them.
	MaxConnectionTime time.Duration
	// MaxConnectionsPerUser is how many connections one user may have; 0 is 64.
	MaxConnectionsPerUser int

	// AuthKey is the key of the digests that stand for credentials; nil for a random one. A fixed
	// key lets the next process take over logins (see Logins and Resume).
	AuthKey []byte
	// AuthCacheTTL is how long credentials are good after Nextcloud accepted them; nil is a minute, 0 is
	// not at all.
	AuthCacheTTL *time.Duration
	// AuthResume is how long after the end of a connection its credentials are good for another
	// one; as long as the connection lives they are, too. nil is 2 minutes, 0 turns both off.
	AuthResume *time.Duration
	// AuthMaxAge is how long after Nextcloud accepted credentials they are good at most, whatever
	// AuthCacheTTL and AuthResume say; nil is 12 hours, 0 is not at all.
	AuthMaxAge *time.Duration
	// AuthRecheck is the time within which Nextcloud is asked about a login that was admitted because its
	// credentials were still good; when it refuses them then, all connections that they opened are
	// closed. nil is 10 minutes; 0 asks before any login is admitted, so that none of the above counts.
	AuthRecheck *time.Duration
	// AuthRefusalTTL is how long Nextcloud's refusal is remembered; nil is 5 s, 0 is not at all.
	AuthRefusalTTL *time.Duration
	// AuthTimeout is how long Nextcloud may take over one login; 0 is 20 s.
	AuthTimeout time.Duration
	// AuthConcurrency is how many logins Nextcloud is asked about at once; nil is 32, 0 sets no limit.
	// One that takes more than 5 s does not count any more, up to four times as many in all.
	AuthConcurrency *int

	// DrainTimeout is the most over which closing all connections is spread; nil is 10 s, 0 is at once.
	// Few connections are closed faster than that.
	DrainTimeout *time.Duration
	// NoResync leaves out the push of each kind to everybody after the subscription was lost.
	NoResync bool
}

// completed returns the options with the defaults filled in, so that none of the pointers is nil.
func (o Options) completed() (Options, error) {
	o.MaxConnectionsPerUser = cmp.Or(o.MaxConnectionsPerUser, 64)
	o.AuthTimeout = cmp.Or(o.AuthTimeout, 20*time.Second)
	complete(&o.MaxDebounceTime, 15*time.Second)
	complete(&o.AuthCacheTTL, time.Minute)
	complete(&o.AuthResume, 2*time.Minute)
	complete(&o.AuthMaxAge, 12*time.Hour)
	complete(&o.AuthRecheck, 10*time.Minute)
	complete(&o.AuthRefusalTTL, 5*time.Second)
	complete(&o.AuthConcurrency, 32)
	complete(&o.DrainTimeout, 10*time.Second)
	return o, errors.Join(
		notNegative("MaxDebounceTime", *o.MaxDebounceTime),
		notNegative("MaxConnectionTime", o.MaxConnectionTime),
		notNegative("MaxConnectionsPerUser", o.MaxConnectionsPerUser),
		notNegative("AuthCacheTTL", *o.AuthCacheTTL),
		notNegative("AuthResume", *o.AuthResume),
		notNegative("AuthMaxAge", *o.AuthMaxAge),
		notNegative("AuthRecheck", *o.AuthRecheck),
		notNegative("AuthRefusalTTL", *o.AuthRefusalTTL),
		notNegative("AuthTimeout", o.AuthTimeout),
		notNegative("AuthConcurrency", *o.AuthConcurrency),
		notNegative("DrainTimeout", *o.DrainTimeout),
	)
}

func complete[T any](option **T, fallback T) {
	if *option == nil {
		*option = &fallback
	}
}

func notNegative[T int | time.Duration](name string, value T) error {
	if value < 0 {
		return fmt.Errorf("actors: option %s is %v; it must be 0 or more", name, value)
	}
	return nil
}
