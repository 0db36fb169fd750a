package loadtest

import (
	"encoding/json"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gomodule/redigo/redis"
)

// tokens publishes a pre-auth token before each login, as Nextcloud does for its web pages.
type tokens struct {
	redis  redis.Conn
	prefix string
	root   *actor.RootContext
	wanted chan wantedToken
	done   chan struct{}
}

type wantedToken struct {
	client      *actor.PID
	index, user int32
}

func newTokens(redisURL, prefix string, root *actor.RootContext, clients int) (*tokens, error) {
	conn, err := dialRedis(redisURL)
	if err != nil {
		return nil, err
	}
	t := &tokens{redis: conn, prefix: prefix, root: root, wanted: make(chan wantedToken, clients), done: make(chan struct{})}
	go t.run()
	return t, nil
}

// fetch has the client told when its token is published. It does not block: each client waits for one token at most.
func (t *tokens) fetch(client *actor.PID, index, user int32) {
	t.wanted <- wantedToken{client, index, user}
}

func (t *tokens) run() {
	defer close(t.done)
	for wanted := range t.wanted {
		payload, _ := json.Marshal(map[string]string{"user": userName(wanted.user), "token": tokenOf(t.prefix, wanted.index)})
		if _, err := t.redis.Do("PUBLISH", "notify_pre_auth", payload); err != nil {
			t.root.Send(wanted.client, token{fmt.Errorf("publish a pre-auth token: %w", err)})
			continue
		}
		t.root.Send(wanted.client, token{})
	}
}

func (t *tokens) close() {
	close(t.wanted)
	<-t.done
	t.redis.Close()
}
