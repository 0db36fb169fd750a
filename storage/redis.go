package storage

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/notifypush/notifypush/actors"
)

// RedisOptions say which Redis to use, and how. The meaning of each field is that of Nextcloud's
// configuration.
type RedisOptions struct {
	// Addresses are redis://host:port, rediss://host:port (TLS) or unix:///path: one, or the seeds
	// of a cluster.
	Addresses []string
	// Cluster says that Addresses are seeds of a Redis Cluster.
	Cluster bool
	// User counts only with a Password. Empty is Redis's default user.
	User string
	// Password may be empty: no AUTH is sent then.
	Password actors.Secret
	// Database is the index for SELECT. Pub/sub ignores it, and so does a cluster.
	Database int
	// TLS is used for rediss:// addresses.
	TLS RedisTLS
	// DialTimeout is how long connecting and logging in may take in all, 5 s when zero or less.
	DialTimeout time.Duration
	// ReadTimeout is how long Redis may take over a command, 5 s when zero or less.
	ReadTimeout time.Duration
	// ChannelPrefix is put before the name of each channel, and nothing is heard without it. Keys have none. Empty: see
	// Redis.ChannelPrefixes.
	ChannelPrefix string `flag:"redis-channel-prefix" scope:"instance" env:"REDIS_CHANNEL_PREFIX" placeholder:"TEXT" group:"Redis" help:"What channel names begin with, for several Nextclouds on one Redis; the publishing side must use the same. Without it, names are heard as they are, and with the database index and _ before them, as a patched app publishes (3_notify_activity)."`
	// Reload, unless nil, returns the options as they are configured now. It is called when Redis refuses
	// the login or wants one, by one goroutine at a time and at most once a second, and may block until ctx
	// ends. Other options than before replace them. The Reload of what it returns is ignored.
	Reload func(ctx context.Context) (RedisOptions, error)
}

// RedisTLS says how Redis is trusted over TLS, as the ssl_context of Nextcloud does. The zero
// value verifies the certificate against the system's authorities.
type RedisTLS struct {
	// CA is a file, and CAPath a folder, of the authorities to trust instead of the system's.
	CA     string `flag:"redis-tls-ca" env:"REDIS_TLS_CA" placeholder:"FILE" group:"Redis" help:"PEM file of the authorities to trust for Redis."`
	CAPath string
	// Cert and Key are the files of the client's certificate; without Key it is in Cert's file, too.
	Cert string `flag:"redis-tls-cert" env:"REDIS_TLS_CERT" placeholder:"FILE" group:"Redis" help:"PEM file of the client's certificate for Redis."`
	Key  string `flag:"redis-tls-key" env:"REDIS_TLS_KEY" placeholder:"FILE" group:"Redis" help:"PEM file of its key."`
	// Passphrase opens an encrypted key.
	Passphrase actors.Secret
	// SkipVerifyPeer accepts a certificate of any authority (verify_peer false).
	SkipVerifyPeer bool `flag:"redis-tls-insecure" env:"REDIS_TLS_INSECURE" default:"false" group:"Redis" help:"Accept any certificate of Redis."`
	// SkipVerifyName accepts a certificate with any name (verify_peer_name false).
	SkipVerifyName bool `flag:"redis-tls-dont-validate-hostname" env:"REDIS_TLS_DONT_VALIDATE_HOSTNAME" default:"false" group:"Redis" help:"Accept a certificate of Redis that is for another name."`
	// AllowSelfSigned accepts a certificate that signs itself.
	AllowSelfSigned bool
	// ServerName is the name that the certificate must have instead of the address's host.
	ServerName string
}

// Redis is Nextcloud's Redis, single or a cluster. It is safe for concurrent use. Receive makes it
// a source of events; the other methods share a small pool of connections. The caller must Close it. An
// error leaves it usable: the next call connects again.
type Redis struct {
	reload *reloader[RedisOptions] // set once

	mu     sync.Mutex
	client *client // guarded by mu
}

// client is a Redis with options that do not change. It is safe for concurrent use.
type client struct {
	options RedisOptions // set once
	seeds   []node       // set once

	// moved ends when events come from elsewhere than this client knows; move ends it. Clients that hear the same have the same. Set once.
	moved context.Context
	move  context.CancelCauseFunc

	mu     sync.Mutex // guards the rest
	pools  map[node]*nodePool
	nodes  []node          // of the cluster: seeds and those that they named, the best to try first
	owners map[uint16]node // of the cluster's slots, as far as learned
	heard  []string        // the prefixes of the last subscription; nil before the first
}

// NewRedis checks the options. It does not connect.
func NewRedis(options RedisOptions) (*Redis, error) {
	c, err := newClient(options)
	if err != nil {
		return nil, err
	}
	return &Redis{reload: newReloader(options.Reload), client: c}, nil
}

func newClient(options RedisOptions) (*client, error) {
	options.Reload = nil // which cannot be compared
	switch {
	case len(options.Addresses) == 0:
		return nil, errors.New("no address of Redis is given")
	case len(options.Addresses) > 1 && !options.Cluster:
		return nil, fmt.Errorf("%d addresses of Redis are given, but it is not a cluster", len(options.Addresses))
	case options.Database < 0:
		return nil, fmt.Errorf("Redis has no database %d", options.Database)
	}
	if options.DialTimeout <= 0 {
		options.DialTimeout = 5 * time.Second
	}
	if options.ReadTimeout <= 0 {
		options.ReadTimeout = 5 * time.Second
	}
	c := &client{options: options, pools: map[node]*nodePool{}, owners: map[uint16]node{}}
	c.moved, c.move = context.WithCancelCause(context.Background())
	for _, address := range options.Addresses {
		seed, err := parseNode(address)
		if err != nil {
			return nil, err
		}
		c.seeds = append(c.seeds, seed)
	}
	c.nodes = slices.Clone(c.seeds)
	return c, nil
}

func (r *Redis) current() *client {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.client
}

// Reconfigure has the next connections made with these options. A Receive ends with ErrMoved when events come from another server, or with
// another prefix, and else goes on with the connection that it has. Options that NewRedis would refuse change nothing, and are an error.
func (r *Redis) Reconfigure(options RedisOptions) error {
	changed, err := newClient(options)
	if err != nil {
		return err
	}
	r.mu.Lock()
	replaced := r.client
	if reflect.DeepEqual(changed.options, replaced.options) {
		r.mu.Unlock()
		return nil
	}
	isSame := changed.hearsLike(replaced)
	if isSame {
		changed.moved, changed.move = replaced.moved, replaced.move
	}
	r.client = changed
	r.mu.Unlock()
	if !isSame {
		replaced.move(ErrMoved)
	}
	return replaced.close()
}

// ErrMoved is why Receive ends when Reconfigure has events come from elsewhere.
var ErrMoved = errors.New("the configuration names another Redis, or another prefix of channels")

// hearsLike reports whether both subscribe to the same channels of the same servers.
func (c *client) hearsLike(other *client) bool {
	return c.options.Cluster == other.options.Cluster && slices.Equal(c.options.Addresses, other.options.Addresses) && slices.Equal(c.prefixes(), other.prefixes())
}

// Name is how logs and actors.System.Problems call this port.
func (*Redis) Name() string { return "redis" }

// Close closes the pooled connections. A Receive under way ends with its own context.
func (r *Redis) Close() error { return r.current().close() }

func (c *client) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var failures []error
	for _, pool := range c.pools {
		pool.unused.Stop()
		failures = append(failures, pool.Close())
	}
	return errors.Join(failures...)
}

// Get returns the value of key, and whether there is one.
func (r *Redis) Get(ctx context.Context, key string) (string, bool, error) {
	value, err := redis.String(r.do(ctx, key, "GET", key))
	if errors.Is(err, redis.ErrNil) {
		return "", false, nil
	}
	return value, err == nil, err
}

// Set sets key to value. It expires after ttl, or never when ttl is zero.
func (r *Redis) Set(ctx context.Context, key, value string, ttl time.Duration) error {
	args := []any{key, value}
	if ttl > 0 {
		args = append(args, "PX", max(1, ttl.Milliseconds()))
	}
	_, err := r.do(ctx, key, "SET", args...)
	return err
}

// SetNew sets key to value for ttl, unless there is such a key, and returns whether it did.
func (r *Redis) SetNew(ctx context.Context, key, value string, ttl time.Duration) (bool, error) {
	reply, err := r.do(ctx, key, "SET", key, value, "NX", "PX", ttl.Milliseconds())
	return err == nil && reply != nil, err
}

// Delete deletes key, which need not exist.
func (r *Redis) Delete(ctx context.Context, key string) error {
	_, err := r.do(ctx, key, "DEL", key)
	return err
}

// Publish sends payload to the subscribers of channel, with the first of ChannelPrefixes, and returns how many they are; in
// a cluster, those of one node are counted.
func (r *Redis) Publish(ctx context.Context, channel string, payload []byte) (int, error) {
	channel = r.ChannelPrefixes()[0] + channel
	return redis.Int(r.do(ctx, channel, "PUBLISH", channel, payload))
}

// CountsSubscribers reports whether Publish counts all subscribers: not in a cluster.
func (r *Redis) CountsSubscribers() bool { return !r.current().options.Cluster }

// PublishEvent sends an event to every server that listens to this Redis, and returns how many of those were
// counted (see Publish). A host with several nodes calls it in the place of actors.System.Publish.
func (r *Redis) PublishEvent(ctx context.Context, event actors.Event) (subscribers int, err error) {
	channel, payload, err := actors.EncodeEvent(event)
	if err != nil {
		return 0, err
	}
	return r.Publish(ctx, channel, payload)
}

// Subscribers returns how many subscribe to each channel, with the first of ChannelPrefixes; in a cluster, those of one node are
// counted.
func (r *Redis) Subscribers(ctx context.Context, channels ...string) ([]int, error) {
	prefix := r.ChannelPrefixes()[0]
	args := redis.Args{"NUMSUB"}
	for _, channel := range channels {
		args = args.Add(prefix + channel)
	}
	subscribers, err := redis.IntMap(r.do(ctx, "", "PUBSUB", args...))
	if err != nil {
		return nil, err
	}
	var counts []int
	for _, channel := range channels {
		count, found := subscribers[prefix+channel]
		if !found {
			return nil, errNotRedis
		}
		counts = append(counts, count)
	}
	return counts, nil
}

// ErrNotTried is returned by MayRun when Redis does not say what it would allow.
var ErrNotTried = errors.New("Redis does not say whether this is allowed")

// ErrMayNotAsk is the ErrNotTried of a user whom an ACL limits.
var ErrMayNotAsk = fmt.Errorf("%w: ACL DRYRUN is not", ErrNotTried)

// MayRun asks Redis, without running it, whether the user may run a command. It returns nil when it may, a
// RedisError when not, and ErrNotTried where ACL DRYRUN is unknown (before Redis 7) or not allowed (ErrMayNotAsk).
func (r *Redis) MayRun(ctx context.Context, command string, args ...any) error {
	options := r.current().options
	user := options.User
	if user == "" || options.Password == "" {
		user = "default"
	}
	return attempt(ctx, r.reload, r, func(c *client) (err error) {
		var answer string
		for _, n := range c.candidates() { // each knows the users
			answer, err = redis.String(c.doAt(ctx, n, false, "ACL", append([]any{"DRYRUN", user, command}, args...)))
			switch refusal := replyOf(err); {
			case err == nil && answer != "OK":
				return failed(command, n, redis.Error("NOPERM "+answer))
			case err == nil, LoginRefused(err):
				return err
			case strings.Contains(refusal, "not found"): // the command, which rename-command took away
				return failed(command, n, redis.Error("ERR unknown command '"+command+"'"))
			case isPermission(err):
				return ErrMayNotAsk
			case refusal != "":
				return ErrNotTried
			}
		}
		return err
	})
}

// do sends a command to the node that has key.
func (r *Redis) do(ctx context.Context, key, command string, args ...any) (reply any, err error) {
	err = attempt(ctx, r.reload, r, func(c *client) (err error) {
		if c.options.Cluster {
			reply, err = c.doInCluster(ctx, key, command, args)
		} else {
			reply, err = c.doAt(ctx, c.seeds[0], false, command, args)
		}
		return err
	})
	return reply, err
}

// doAt sends a command to a node, after ASKING if a slot is on its way to that node. What the pool
// connected to before a failover may be a replica now, with another one at the node's address.
func (c *client) doAt(ctx context.Context, n node, asking bool, command string, args []any) (any, error) {
	reply, err := c.tryAt(ctx, n, asking, command, args)
	if strings.HasPrefix(replyOf(err), "READONLY") {
		c.dropPool(n, 0)
		reply, err = c.tryAt(ctx, n, asking, command, args)
	}
	return reply, err
}

func (c *client) tryAt(ctx context.Context, n node, asking bool, command string, args []any) (any, error) {
	conn, err := c.pool(n).GetContext(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if asking {
		if err := conn.Send("ASKING"); err != nil {
			return nil, failed(command, n, err)
		}
	}
	reply, err := redis.DoContext(conn, ctx, command, args...)
	if err != nil {
		return nil, failed(command, n, explained(ctx, conn, err))
	}
	return reply, nil
}

// idleTime is how long a connection is kept for the next command.
const idleTime = 10 * time.Second

// nodePool is the connections to a node. They are closed when nobody has wanted one for idleTime: redigo would close them only when the
// next one is wanted, and hundreds of idle instances would keep one each.
type nodePool struct {
	*redis.Pool
	wantedAt time.Time
	unused   *time.Timer
}

// dropPool drops the pool of a node, unless somebody has wanted one of its connections more lately than that.
func (c *client) dropPool(n node, unwanted time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if pool := c.pools[n]; pool != nil && time.Since(pool.wantedAt) >= unwanted {
		c.drop(n, pool)
	}
}

// drop closes the connections that are not in use; those that are will be closed after it. mu is held.
func (c *client) drop(n node, pool *nodePool) {
	pool.unused.Stop()
	_ = pool.Close() // an error here has no consequence
	delete(c.pools, n)
}

func (c *client) pool(n node) *nodePool {
	c.mu.Lock()
	defer c.mu.Unlock()
	pool := c.pools[n]
	if pool == nil {
		pool = &nodePool{
			Pool: &redis.Pool{
				DialContext: func(ctx context.Context) (redis.Conn, error) {
					return c.connect(ctx, n, nil, c.options.ReadTimeout)
				},
				// Redis may have been restarted meanwhile.
				TestOnBorrowContext: func(ctx context.Context, conn redis.Conn, _ time.Time) error {
					_, err := redis.DoContext(conn, ctx, "PING")
					return err
				},
				MaxIdle:     2,
				MaxActive:   8,
				IdleTimeout: idleTime,
				Wait:        true,
			},
			unused: time.AfterFunc(idleTime, func() { c.dropPool(n, idleTime) }),
		}
		c.pools[n] = pool
	}
	pool.wantedAt = time.Now()
	pool.unused.Reset(idleTime)
	return pool
}
