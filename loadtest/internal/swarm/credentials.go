package swarm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/gomodule/redigo/redis"

	"github.com/notifypush/notifypush/loadtest/internal/wire"
)

// Credentials are what a client logs in with: further headers of its handshake, and messages after it.
type Credentials struct {
	Header   http.Header
	Messages []string
}

// PublishToken publishes a pre-auth token, as Nextcloud does for its web pages, and returns what logs in with it.
func PublishToken(token, user string, publish func(channel string, payload []byte) error) (*Credentials, error) {
	payload, err := json.Marshal(map[string]string{"user": user, "token": token})
	if err == nil {
		err = publish("notify_pre_auth", payload)
	}
	if err != nil {
		return nil, fmt.Errorf("publish a pre-auth token: %w", err)
	}
	return &Credentials{Messages: []string{"", token}}, nil
}

// tokens publishes pre-auth tokens at a Redis. Safe for concurrent use.
type tokens struct {
	mu     sync.Mutex
	redis  redis.Conn
	prefix string
}

func newTokens(redisURL, prefix string) (*tokens, error) {
	conn, err := wire.DialRedis(redisURL)
	return &tokens{redis: conn, prefix: prefix}, err
}

func (t *tokens) fetch(index int, user string) (*Credentials, error) {
	return PublishToken(fmt.Sprintf("%s-%d", t.prefix, index), user, func(channel string, payload []byte) error {
		t.mu.Lock()
		defer t.mu.Unlock()
		_, err := t.redis.Do("PUBLISH", channel, payload)
		return err
	})
}
