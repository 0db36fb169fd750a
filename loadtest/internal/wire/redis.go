package wire

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/gomodule/redigo/redis"
)

// RedisTimeout bounds connecting to Redis.
const RedisTimeout = 5 * time.Second

// DialRedis connects to the Redis that events are published to: redis://, rediss://, or a socket, unix:// or redis+unix://.
func DialRedis(address string) (conn redis.Conn, err error) {
	timeout := redis.DialConnectTimeout(RedisTimeout)
	at, err := url.Parse(address)
	switch {
	case err != nil:
		err = errors.New("its URL cannot be read") // without it, because it may hold a password
	case at.Scheme == "unix" || at.Scheme == "redis+unix":
		password, _ := at.User.Password()
		conn, err = redis.Dial("unix", at.Path, timeout, redis.DialUsername(at.User.Username()), redis.DialPassword(password))
	default:
		conn, err = redis.DialURL(address, timeout)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the Redis of the load test: %w", err)
	}
	return conn, nil
}
