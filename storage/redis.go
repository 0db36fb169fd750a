package storage

import (
	"context"
	"errors"
	"fmt"
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
	// ChannelPrefix is put before the name of each channel. Keys have none.
	ChannelPrefix string
}

// RedisTLS says how Redis is trusted over TLS, as the ssl_context of Nextcloud does. The zero
// value verifies the certificate against the system's authorities.
type RedisTLS struct {
	// CA is a file, and CAPath a folder, of the authorities to trust instead of the system's.
	CA, CAPath string
	// Cert and Key are the files of the client's certificate; without Key it is in Cert's file, too.
	Cert, Key string
	// Passphrase opens an encrypted key.
	Passphrase actors.Secret
	// SkipVerifyPeer does not ask who vouches for the certificate (verify_peer false).
	SkipVerifyPeer bool
	// SkipVerifyName does not ask whom the certificate names (verify_peer_name false).
	SkipVerifyName bool
	// AllowSelfSigned is content with a certificate that vouches for itself.
	AllowSelfSigned bool
	// ServerName is the name that the certificate must have instead of the address's host.
	ServerName string
}

// Redis is Nextcloud's Redis, single or a cluster. It is safe for concurrent use. Receive makes it
// a source of events; the other methods share a small pool of connections.
type Redis struct {
	options RedisOptions
	seeds   []node

	mu     sync.Mutex
	pools  map[node]*redis.Pool
	nodes  []node          // of the cluster: seeds and those they told of, the best to try first
	owners map[uint16]node // of the cluster's slots, as far as learned
}

// NewRedis checks the options. It does not connect.
func NewRedis(options RedisOptions) (*Redis, error) {
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
	r := &Redis{options: options, pools: map[node]*redis.Pool{}, owners: map[uint16]node{}}
	for _, address := range options.Addresses {
		seed, err := parseNode(address)
		if err != nil {
			return nil, err
		}
		r.seeds = append(r.seeds, seed)
	}
	r.nodes = slices.Clone(r.seeds)
	return r, nil
}

// Close closes the pooled connections. A Receive under way ends with its own context.
func (r *Redis) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var failures []error
	for _, pool := range r.pools {
		failures = append(failures, pool.Close())
	}
	return errors.Join(failures...)
}

// Get returns the value of key, and whether there is one.
func (r *Redis) Get(ctx context.Context, key string) (string, bool, error) {
	return optional(r.do(ctx, key, "GET", key))
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

// Delete deletes key, which need not exist.
func (r *Redis) Delete(ctx context.Context, key string) error {
	_, err := r.do(ctx, key, "DEL", key)
	return err
}

// Publish sends payload to the subscribers of channel and returns how many they are; in a cluster,
// those of one node are counted.
func (r *Redis) Publish(ctx context.Context, channel string, payload []byte) (int, error) {
	channel = r.options.ChannelPrefix + channel
	return redis.Int(r.do(ctx, channel, "PUBLISH", channel, payload))
}

func optional(reply any, err error) (string, bool, error) {
	value, err := redis.String(reply, err)
	if errors.Is(err, redis.ErrNil) {
		return "", false, nil
	}
	return value, err == nil, err
}

// do sends a command to the node that has key.
func (r *Redis) do(ctx context.Context, key, command string, args ...any) (any, error) {
	if r.options.Cluster {
		return r.doInCluster(ctx, key, command, args)
	}
	return r.doAt(ctx, r.seeds[0], false, command, args)
}

// doAt sends a command to a node, after ASKING if a slot is on its way to that node. What the pool
// connected to before a failover may be a replica now, with another one at the node's address.
func (r *Redis) doAt(ctx context.Context, n node, asking bool, command string, args []any) (any, error) {
	reply, err := r.tryAt(ctx, n, asking, command, args)
	if refused, ok := errors.AsType[redis.Error](err); ok && strings.HasPrefix(string(refused), "READONLY") {
		r.dropPool(n)
		reply, err = r.tryAt(ctx, n, asking, command, args)
	}
	return reply, err
}

func (r *Redis) tryAt(ctx context.Context, n node, asking bool, command string, args []any) (any, error) {
	conn, err := r.pool(n).GetContext(ctx)
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
		return nil, failed(command, n, err)
	}
	return reply, nil
}

func (r *Redis) dropPool(n node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if pool := r.pools[n]; pool != nil {
		_ = pool.Close() // nobody waits for what its connections have to say
		delete(r.pools, n)
	}
}

func (r *Redis) pool(n node) *redis.Pool {
	r.mu.Lock()
	defer r.mu.Unlock()
	pool := r.pools[n]
	if pool == nil {
		pool = &redis.Pool{
			DialContext: func(ctx context.Context) (redis.Conn, error) {
				return r.connect(ctx, n, nil, r.options.ReadTimeout)
			},
			// Redis may have been restarted meanwhile.
			TestOnBorrowContext: func(ctx context.Context, conn redis.Conn, _ time.Time) error {
				_, err := redis.DoContext(conn, ctx, "PING")
				return err
			},
			MaxIdle:     2,
			MaxActive:   8,
			IdleTimeout: 5 * time.Minute,
			Wait:        true,
		}
		r.pools[n] = pool
	}
	return pool
}
