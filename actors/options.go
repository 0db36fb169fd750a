package actors

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/zap"

	"github.com/notifypush/notifypush/internal/setting"
)

// Options are the settings of a System. The zero value has the daemon's defaults, which are in the tags. A
// setting whose zero has a meaning of its own is a pointer, of which nil is the default: write
// new(time.Minute), or new(time.Duration) for 0. None may be negative.
type Options struct {
	// ActorSystem is the host's; nil for one of our own. It is never shut down by us.
	ActorSystem *actor.ActorSystem
	// Logger is where to log; nil for nowhere.
	Logger *zap.Logger

	// MaxDebounceTime is the most that two file pushes, or two activity pushes, of one connection
	// are apart on average; it is reached with ten times as many connections as it has seconds. 0
	// leaves only the first wait of 100 ms.
	MaxDebounceTime *time.Duration `flag:"max-debounce-time" reload:"true" env:"MAX_DEBOUNCE_TIME" default:"15s" placeholder:"TIME" group:"Pushes" help:"The longest time between two file or activity pushes to one connection. Below that it is about 0.1 s for each connected client, or 1 s where they are few."`
	// NoDebounce sends every push at once.
	NoDebounce bool `flag:"debounce-disable" env:"DEBOUNCE_DISABLE" default:"false" group:"Pushes" help:"Send every push at once. The variable counts when it is set to anything."`
	// MaxConnectionTime is how long a connection may last; 0 is for ever. The ends are spread over the
	// last quarter of it, in steps of a second: less than 10 s hardly spreads them.
	MaxConnectionTime time.Duration `flag:"max-connection-time" reload:"true" env:"MAX_CONNECTION_TIME" default:"0" placeholder:"TIME" group:"Pushes" help:"Close a connection about so long after it was made. 0 never does."`
	// MaxConnectionsPerUser is how many connections one user may have.
	MaxConnectionsPerUser int `flag:"max-connections-per-user" reload:"true" env:"MAX_CONNECTIONS_PER_USER" default:"64" grammar:"positive" placeholder:"N" group:"Limits" help:"How many connections one user may have."`

	// MountsPing is how long after its last answer an idle Mounts is asked whether it is still there; 0 is never.
	MountsPing *time.Duration `flag:"database-ping" reload:"true" env:"DATABASE_PING" default:"10s" placeholder:"TIME" group:"Database" help:"How long after its last answer an idle database is asked whether it is still there, which keeps one connection open. 0 never asks: that it is away is then noticed by the next file that changes. With --instances, 0 is the default."`

	// AuthKey is the key of the digests that stand for credentials; nil for a random one. A fixed
	// key lets the next process take over logins (see Logins and Resume).
	AuthKey []byte
	// AuthCacheTTL is how long credentials are good after Nextcloud accepted them; 0 is not at all.
	AuthCacheTTL *time.Duration `flag:"auth-cache-ttl" reload:"true" env:"AUTH_CACHE_TTL" default:"1m" placeholder:"TIME" group:"Logins" help:"How long a verified login is good again without asking Nextcloud. 0 turns it off."`
	// AuthResume is how long after the end of a connection its credentials are good for another
	// one; as long as the connection lives they are, too. 0 turns both off.
	AuthResume *time.Duration `flag:"auth-resume" reload:"true" env:"AUTH_RESUME" default:"2m" placeholder:"TIME" group:"Logins" help:"How long after its last connection ended a login may come back without asking Nextcloud. 0 turns it off."`
	// AuthMaxAge is how long after Nextcloud accepted credentials they are good at most, whatever
	// AuthCacheTTL and AuthResume say; 0 is not at all.
	AuthMaxAge *time.Duration `flag:"auth-max-age" reload:"true" env:"AUTH_MAX_AGE" default:"12h" placeholder:"TIME" group:"Logins" help:"Nextcloud is asked again at the latest so long after it last said yes. 0 asks always."`
	// AuthRecheck is the time within which Nextcloud is asked about a login that was admitted because its
	// credentials were still good; when it refuses them then, all connections that they opened are
	// closed. 0 asks before any login is admitted, so that none of the above counts.
	AuthRecheck *time.Duration `flag:"auth-recheck" reload:"true" env:"AUTH_RECHECK" default:"10m" placeholder:"TIME" group:"Logins" help:"Within what time Nextcloud is asked about a login that was admitted without asking it; if it refuses, the connection ends. 0 asks before any login is admitted."`
	// AuthRefusalTTL is how long Nextcloud's refusal is remembered; 0 is not at all.
	AuthRefusalTTL *time.Duration `flag:"auth-refusal-ttl" reload:"true" env:"AUTH_REFUSAL_TTL" default:"5s" placeholder:"TIME" group:"Logins" help:"How long Nextcloud's refusal of a login is remembered. 0 turns it off."`
	// AuthTimeout is how long Nextcloud may take over one login.
	AuthTimeout time.Duration `flag:"auth-timeout" env:"AUTH_TIMEOUT" default:"20s" placeholder:"TIME" group:"Logins" help:"How long Nextcloud may take over one login before the client is sent an error. 0 means 20s."`
	// AuthConcurrency is how many logins Nextcloud is asked about at once; 0 sets no limit.
	// One that takes more than 5 s does not count any more, up to four times as many in all.
	AuthConcurrency *int `flag:"auth-concurrency" reload:"true" env:"AUTH_CONCURRENCY" default:"32" placeholder:"N" group:"Logins" help:"How many logins may be asked of Nextcloud at the same time. 0 sets no limit."`

	// DrainTimeout is the most over which closing all connections is spread; 0 is at once.
	// Few connections are closed faster than that.
	DrainTimeout *time.Duration `flag:"drain-timeout" reload:"true" env:"DRAIN_TIMEOUT" default:"10s" placeholder:"TIME" group:"Listening" help:"At the end, and for a reset, connections are closed spread over this time. 0 closes them at once."`
	// NoResync leaves out the push of each kind to everybody after the subscription was lost.
	NoResync bool `flag:"resync" reload:"true" env:"RESYNC" default:"true" negated:"true" group:"Redis" help:"After Redis was away, tell every client once to look for what it may have missed."`
}

// completed returns the options with the defaults filled in, so that none of the pointers is nil.
func (o Options) completed() (Options, error) {
	setting.Complete(&o)
	var negative []error
	for field, value := range reflect.ValueOf(o).Fields() {
		if number := reflect.Indirect(value); number.CanInt() && number.Int() < 0 {
			negative = append(negative, fmt.Errorf("actors: option %s is %v; it must be 0 or more", field.Name, number))
		}
	}
	return o, errors.Join(negative...)
}
