package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/config/php"
	"github.com/notifypush/notifypush/internal/setting"
	"github.com/notifypush/notifypush/storage"
)

const redisPort = 6379

// defaultRedis is what PHP talks to when nothing is configured.
func defaultRedis() storage.RedisOptions {
	return storage.RedisOptions{Addresses: []string{"redis://127.0.0.1:6379"}}
}

// nextcloudRedis is the Redis that the app publishes to, and the key of the configuration that says so; the key is empty when none does.
func nextcloudRedis(n *nextcloudConfig) (redis storage.RedisOptions, key string, err error) {
	if n.isPresent("notify_push_redis.cluster") {
		n.warn("%s: notify_push_redis.cluster is not used: the app does not read it; write notify_push_redis for one server, or redis.cluster", n.place("notify_push_redis.cluster"))
	}
	switch {
	case n.array("notify_push_redis").Len() > 0:
		key = "notify_push_redis"
	case n.find("redis.cluster") != nil || n.isPresent("redis.cluster"):
		key = "redis.cluster"
	case n.find("redis") != nil:
		key = "redis"
	default:
		return defaultRedis(), "", nil
	}
	if key == "redis.cluster" {
		redis, err = clusterRedis(n.array(key))
	} else {
		settings := n.array(key)
		if php.Text(value(settings, "host")) == "" {
			n.warn("%s: %s names no host; 127.0.0.1 is used, as PHP does", n.source(key), key)
		}
		redis, err = singleRedis(settings)
		redis.Database = n.redisDatabase(key, value(settings, "dbindex"))
	}
	if err != nil {
		return storage.RedisOptions{}, key, n.problem(key, err)
	}
	return redis, key, nil
}

func singleRedis(settings *php.Array) (storage.RedisOptions, error) {
	redis := commonRedis(settings)
	address, err := redisAddress(php.Text(value(settings, "host")), php.Int(value(settings, "port")), value(settings, "ssl_context") != nil)
	redis.Addresses = []string{address}
	return redis, err
}

// redisDatabase reads a dbindex. One that is no index phpredis does not send to Redis, and Nextcloud goes on with database 0.
func (n *nextcloudConfig) redisDatabase(key string, index php.Value) int {
	database := php.Float(index)
	if !(database > -1 && database <= math.MaxInt32) {
		n.warn("%s: dbindex of %s is no number of a database, and counts as 0; pushes do not depend on it", n.source(key), key)
		return 0
	}
	return int(database)
}

func clusterRedis(settings *php.Array) (storage.RedisOptions, error) {
	redis := commonRedis(settings)
	redis.Cluster = true
	seeds, _ := value(settings, "seeds").(*php.Array)
	if seeds == nil || seeds.Len() == 0 {
		return redis, errors.New("there are no seeds; Nextcloud needs a list like 'seeds' => ['node1:7000', 'node2:7000']")
	}
	for _, seed := range seeds.All() {
		address, err := redisAddress(php.Text(seed), redisPort, value(settings, "ssl_context") != nil)
		if err != nil {
			return redis, err
		}
		redis.Addresses = append(redis.Addresses, address)
	}
	return redis, nil
}

// commonRedis reads what a server and a cluster have in common.
func commonRedis(settings *php.Array) storage.RedisOptions {
	redis := storage.RedisOptions{
		DialTimeout: phpSeconds(value(settings, "timeout")),
		ReadTimeout: phpSeconds(value(settings, "read_timeout")),
		TLS:         contextTLS(value(settings, "ssl_context")),
	}
	user, password := php.Text(value(settings, "user")), value(settings, "password")
	if pair, isArray := password.(*php.Array); isArray {
		user, password = authPair(pair)
	}
	if text := php.Text(password); text != "" {
		redis.User, redis.Password = user, actors.Secret(text)
	}
	return redis
}

// authPair reads a password that is [password], [user, password] or ['user' => …, 'pass' => …], as phpredis takes them.
func authPair(pair *php.Array) (user string, password php.Value) {
	var texts []string
	for _, key := range []any{"user", "pass", 0, 1} {
		if text := php.Text(value(pair, key)); text != "" {
			texts = append(texts, text)
		}
	}
	switch len(texts) {
	case 0:
		return "", nil
	case 1:
		return "", texts[0]
	default:
		return texts[0], texts[1]
	}
}

// contextTLS reads the options of PHP's ssl context.
func contextTLS(context php.Value) storage.RedisTLS {
	var tls storage.RedisTLS
	options, isArray := context.(*php.Array)
	if !isArray {
		return tls
	}
	for key, field := range map[string]*string{
		"cafile": &tls.CA, "capath": &tls.CAPath, "local_cert": &tls.Cert, "local_pk": &tls.Key, "peer_name": &tls.ServerName,
	} {
		*field = php.Text(value(options, key))
	}
	// The name is verified even where the peer is not.
	for key, skip := range map[string]*bool{"verify_peer": &tls.SkipVerifyPeer, "verify_peer_name": &tls.SkipVerifyName} {
		if option, ok := options.Get(key); ok {
			*skip = !php.Bool(option)
		}
	}
	tls.AllowSelfSigned = php.Bool(value(options, "allow_self_signed"))
	tls.Passphrase = actors.Secret(php.Text(value(options, "passphrase")))
	return tls
}

// value is an element of a PHP array, nil when it is not there.
func value(array *php.Array, key any) php.Value {
	v, _ := array.Get(key)
	return v
}

func phpSeconds(seconds php.Value) time.Duration {
	s := php.Float(seconds)
	if !(s > 0 && s <= setting.LongestTime.Seconds()) {
		return 0
	}
	return time.Duration(s * float64(time.Second))
}

// redisSchemes say for each scheme that PHP and people write before a host whether it means TLS.
var redisSchemes = map[string]bool{
	"tcp": false, "redis": false, "tls": true, "rediss": true, "ssl": true, "tlsv1.0": true, "tlsv1.1": true, "tlsv1.2": true, "tlsv1.3": true,
}

// redisAddress writes host, which may carry a scheme and a port of its own, as an address. A port that is no positive number means Redis's own;
// tls counts where host has no scheme.
func redisAddress(host string, port int64, tls bool) (string, error) {
	host = strings.Trim(host, " ")
	if path, isUnix := strings.CutPrefix(host, "unix:"); isUnix || strings.HasPrefix(host, "/") {
		path = "/" + strings.TrimLeft(path, "/")
		return "unix://" + path, nil
	}
	if scheme, rest, found := strings.Cut(host, "://"); found {
		var known bool
		if tls, known = redisSchemes[strings.ToLower(scheme)]; !known {
			return "", fmt.Errorf("%q is not a scheme of Redis; write tls:// or tcp://, or none", scheme)
		}
		host = strings.TrimRight(rest, "/")
	}
	host, own, err := splitRedisHost(host)
	if err != nil {
		return "", err
	}
	if own != 0 {
		port = own
	}
	if port <= 0 {
		port = redisPort
	}
	if port > 65535 {
		return "", fmt.Errorf("%d is not a port; write a number from 1 to 65535", port)
	}
	scheme := "redis"
	if tls {
		scheme = "rediss"
	}
	return scheme + "://" + net.JoinHostPort(cmp.Or(host, "127.0.0.1"), strconv.FormatInt(port, 10)), nil
}

// splitRedisHost takes a port off a host. A bare IPv6 address has none; its last group is not a port.
func splitRedisHost(text string) (host string, port int64, err error) {
	if strings.ContainsAny(text, "/?#@ ") {
		return "", 0, errors.New("the host has characters that no host name has; a user and a password have keys of their own")
	}
	if address, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return address.String(), 0, nil
	}
	host, digits := cutPort(text)
	if digits != "" {
		number, err := setting.ParsePort(digits)
		if err != nil {
			return "", 0, err
		}
		port = int64(number)
	}
	return strings.Trim(host, "[]"), port, nil
}
