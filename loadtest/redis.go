package loadtest

import (
	"fmt"
	"net/url"
	"time"

	"github.com/gomodule/redigo/redis"
)

const redisTimeout = 5 * time.Second

// dialRedis connects to a Redis that the harness publishes to: redis://, rediss://, or a socket, unix:// or redis+unix://.
func dialRedis(address string) (redis.Conn, error) {
	timeout := redis.DialConnectTimeout(redisTimeout)
	at, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("connect to the Redis of the load test: its URL cannot be read") // without it, for it may hold a password
	}
	var conn redis.Conn
	if at.Scheme == "unix" || at.Scheme == "redis+unix" {
		password, _ := at.User.Password()
		conn, err = redis.Dial("unix", at.Path, timeout, redis.DialUsername(at.User.Username()), redis.DialPassword(password))
	} else {
		conn, err = redis.DialURL(address, timeout)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to the Redis of the load test: %w", err)
	}
	return conn, nil
}
