package swarm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gomodule/redigo/redis"

	"github.com/notifypush/notifypush/loadtest/internal/wire"
)

// Credentials are what a client logs in with: further headers of its handshake, and messages after it.
type Credentials struct {
	Header   http.Header
	Messages []string
}

// fetcher fetches credentials in goroutines of its own, because clients must not block.
type fetcher struct {
	get     func(index int, user string) (*Credentials, error)
	workers int
	redis   redis.Conn // nil without tokens
	asked   chan request
	done    sync.WaitGroup
}

type request struct {
	client      *actor.PID
	index, user int32
}

// newFetcher returns nil when clients log in with passwords.
func newFetcher(roster Roster) (*fetcher, error) {
	const concurrent = 16
	f := &fetcher{get: roster.Fetch, workers: concurrent, asked: make(chan request, roster.Clients)}
	switch {
	case roster.Fetch != nil:
		return f, nil
	case roster.RedisURL == "":
		return nil, nil
	}
	conn, err := wire.DialRedis(roster.RedisURL)
	if err != nil {
		return nil, err
	}
	f.redis, f.workers = conn, 1
	f.get = func(index int, user string) (*Credentials, error) {
		return PublishToken(fmt.Sprintf("%s-%d", roster.TokenPrefix, index), user, func(channel string, payload []byte) error {
			_, err := conn.Do("PUBLISH", channel, payload)
			return err
		})
	}
	return f, nil
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

func (f *fetcher) start(root *actor.RootContext) {
	for range f.workers {
		f.done.Go(func() {
			for r := range f.asked {
				credentials, err := f.get(int(r.index), wire.UserName(r.user))
				root.Send(r.client, fetched{credentials, err})
			}
		})
	}
}

// fetch does not block: each client waits for one answer at most.
func (f *fetcher) fetch(client *actor.PID, index, user int32) {
	f.asked <- request{client, index, user}
}

func (f *fetcher) close() {
	close(f.asked)
	f.done.Wait()
	if f.redis != nil {
		f.redis.Close()
	}
}
