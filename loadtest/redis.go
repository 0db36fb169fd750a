package loadtest

import (
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"
)

// dialRedis connects to a Redis that the harness publishes to.
func dialRedis(url string) (redis.Conn, error) {
	conn, err := redis.DialURL(url, redis.DialConnectTimeout(5*time.Second))
	if err != nil {
		return nil, fmt.Errorf("connect to the Redis of the load test: %w", err)
	}
	return conn, nil
}
