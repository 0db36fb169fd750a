// Package stand is what a load test puts up: a small Redis, database and Nextcloud, the server under test upon them, and the bare loop that
// the server is compared with.
package stand

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gomodule/redigo/redis"

	"github.com/notifypush/notifypush/demo/nextcloud"
	"github.com/notifypush/notifypush/loadtest/internal/process"
	"github.com/notifypush/notifypush/loadtest/internal/wire"
)

// Dependencies are what a push server needs around it. They must be closed.
type Dependencies struct {
	RedisURL string
	RedisPID int // 0 when Redis is embedded
	Cloud    *nextcloud.Nextcloud

	folder      string
	configFile  string // a config.php that says the same as the URLs
	databaseURL string
	doors       []*door // of Nextcloud, one for each node
	redis       *redis.Pool
	closers     []func()
}

// Start starts them on free ports of 127.0.0.1.
func Start(ctx context.Context, people Population) (*Dependencies, error) {
	s := &Dependencies{}
	if err := s.start(ctx, people); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Dependencies) start(ctx context.Context, people Population) (err error) {
	if s.folder, err = os.MkdirTemp("", "loadtest-"); err != nil {
		return fmt.Errorf("make a folder for the load test: %w", err)
	}
	s.atClose(func() { os.RemoveAll(s.folder) })
	if err := s.startRedis(ctx); err != nil {
		return err
	}
	file := filepath.Join(s.folder, "cloud.db")
	if err := createDatabase(ctx, file, people); err != nil {
		return err
	}
	s.databaseURL = "sqlite://" + file
	if err := s.startCloud(people.Users); err != nil {
		return err
	}
	return s.writeConfig()
}

// writeConfig writes a config.php, because a daemon learns Nextcloud's secret from there only.
func (s *Dependencies) writeConfig() error {
	redisAt, err := url.Parse(s.RedisURL)
	if err != nil {
		return fmt.Errorf("write the config.php of the load test: %w", err)
	}
	s.configFile = filepath.Join(s.folder, "config.php")
	text := fmt.Sprintf(`<?php
$CONFIG = array (
  'secret' => %s,
  'dbtype' => 'sqlite',
  'datadirectory' => %s,
  'dbname' => 'cloud',
  'redis' => array ('host' => %s, 'port' => %s),
  'overwrite.cli.url' => %s,
);
`, quoted(rand.Text()), quoted(s.folder), quoted(redisAt.Hostname()), redisAt.Port(), quoted(s.doors[0].url))
	if err := os.WriteFile(s.configFile, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the config.php of the load test: %w", err)
	}
	return nil
}

// quoted is a string of PHP.
func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

func (s *Dependencies) startRedis(ctx context.Context) error {
	var address string
	var err error
	if path, lookErr := exec.LookPath("redis-server"); lookErr == nil {
		address, err = s.startRealRedis(path)
	} else {
		embedded := miniredis.NewMiniRedis()
		if err = embedded.StartAddr("127.0.0.1:0"); err == nil {
			s.atClose(embedded.Close)
			address = embedded.Addr()
		}
	}
	if err != nil {
		return fmt.Errorf("start the Redis of the load test: %w", err)
	}
	s.RedisURL = "redis://" + address
	s.redis = &redis.Pool{MaxIdle: 2, Dial: func() (redis.Conn, error) { return wire.DialRedis(s.RedisURL) }}
	s.atClose(func() { s.redis.Close() })
	return eventually(ctx, "wait for the Redis of the load test", func() error {
		_, err := s.do(ctx, "PING")
		return err
	})
}

func (s *Dependencies) startRealRedis(path string) (address string, err error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(path, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", s.folder, "--save", "", "--tcp-backlog", "4096")
	process.EndWithParent(cmd, false)
	if err := cmd.Start(); err != nil {
		return "", err
	}
	s.RedisPID = cmd.Process.Pid
	s.atClose(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil
}

// door is where a node reaches Nextcloud, each at another port, so that it is known who asks.
type door struct {
	url    string
	logins atomic.Int64 // requests with a name and a password
}

func (s *Dependencies) startCloud(users int) error {
	listener, err := listen()
	if err != nil {
		return err
	}
	s.Cloud = nextcloud.New(nextcloud.Options{Redis: cloudRedis{s}, URL: "http://" + listener.Addr().String()})
	for user := range users {
		s.Cloud.AddUser(nextcloud.User{ID: wire.UserName(int32(user)), Password: wire.Password})
	}
	s.serve(listener)
	return nil
}

// openDoor returns that of a node, which it opens the first time.
func (s *Dependencies) openDoor(node int) (*door, error) {
	for len(s.doors) <= node {
		listener, err := listen()
		if err != nil {
			return nil, err
		}
		s.serve(listener)
	}
	return s.doors[node], nil
}

func listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the stand-in Nextcloud: %w", err)
	}
	return listener, nil
}

// serve makes one more door of a listener.
func (s *Dependencies) serve(listener net.Listener) {
	d := &door{url: "http://" + listener.Addr().String()}
	s.doors = append(s.doors, d)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); ok {
			d.logins.Add(1)
		}
		s.Cloud.ServeHTTP(w, r)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	s.atClose(func() { server.Close(); <-done })
}

func (s *Dependencies) atClose(f func()) { s.closers = append(s.closers, f) }

// Close ends them, the last first.
func (s *Dependencies) Close() {
	for len(s.closers) > 0 {
		last := len(s.closers) - 1
		s.closers[last]()
		s.closers = s.closers[:last]
	}
}

// Flush empties Redis: what the server before has left there, such as logins, would help the next one.
func (s *Dependencies) Flush(ctx context.Context) error {
	if _, err := s.do(ctx, "FLUSHALL"); err != nil {
		return fmt.Errorf("empty the Redis of the load test: %w", err)
	}
	return nil
}

// subscribers is how many daemons listen to custom events.
func (s *Dependencies) subscribers(ctx context.Context) (int, error) {
	reply, err := redis.IntMap(s.do(ctx, "PUBSUB", "NUMSUB", "notify_custom"))
	if err != nil {
		return 0, fmt.Errorf("ask Redis for its subscribers: %w", err)
	}
	return reply["notify_custom"], nil
}

func (s *Dependencies) do(ctx context.Context, command string, args ...any) (any, error) {
	conn, err := s.redis.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.Do(command, args...)
}

// cloudRedis lets the stand-in Nextcloud speak to Redis.
type cloudRedis struct{ *Dependencies }

func (r cloudRedis) Publish(ctx context.Context, channel string, payload []byte) (int, error) {
	return redis.Int(r.do(ctx, "PUBLISH", channel, payload))
}

func (r cloudRedis) Get(ctx context.Context, key string) (string, bool, error) {
	value, err := redis.String(r.do(ctx, "GET", key))
	if errors.Is(err, redis.ErrNil) {
		return "", false, nil
	}
	return value, err == nil, err
}

func (r cloudRedis) Set(ctx context.Context, key, value string, ttl time.Duration) error {
	args := []any{key, value}
	if ttl > 0 {
		args = append(args, "PX", ttl.Milliseconds())
	}
	_, err := r.do(ctx, "SET", args...)
	return err
}

// StartTimeout bounds how long a part of a test may take to start.
const StartTimeout = 30 * time.Second

// errGone ends waiting: the process that was waited for has ended.
var errGone = errors.New("it has ended")

// eventually tries until it succeeds, for StartTimeout.
func eventually(ctx context.Context, what string, try func() error) error {
	const interval = 2 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, StartTimeout)
	defer cancel()
	retries := time.NewTicker(interval)
	defer retries.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		if errors.Is(err, errGone) {
			return fmt.Errorf("%s: %w", what, err)
		}
		select {
		case <-retries.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, errors.Join(err, context.Cause(ctx)))
		}
	}
}
