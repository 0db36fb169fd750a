package loadtest

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
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gomodule/redigo/redis"

	"github.com/notifypush/notifypush/demo/nextcloud"
)

// standIns is what a push server stands on: a Redis, a database and a Nextcloud, all small.
type standIns struct {
	folder      string
	configFile  string // a config.php that says the same as the URLs
	redisURL    string
	redisPID    int // 0 when Redis is embedded
	databaseURL string
	cloudURL    string
	cloud       *nextcloud.Nextcloud
	redis       *redis.Pool

	closers []func()
}

// startStandIns starts them on free ports of 127.0.0.1.
func startStandIns(ctx context.Context, people population) (*standIns, error) {
	s := &standIns{}
	if err := s.start(ctx, people); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *standIns) start(ctx context.Context, people population) (err error) {
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
	if err := s.startCloud(people.users); err != nil {
		return err
	}
	return s.writeConfig()
}

// writeConfig writes what a daemon may learn from Nextcloud's config.php only: the secret, too.
func (s *standIns) writeConfig() error {
	redisAt, err := url.Parse(s.redisURL)
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
`, quoted(rand.Text()), quoted(s.folder), quoted(redisAt.Hostname()), redisAt.Port(), quoted(s.cloudURL))
	if err := os.WriteFile(s.configFile, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the config.php of the load test: %w", err)
	}
	return nil
}

// quoted is a string of PHP.
func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

func (s *standIns) startRedis(ctx context.Context) error {
	var address string
	if path, err := exec.LookPath("redis-server"); err == nil {
		if address, err = s.startRealRedis(path); err != nil {
			return err
		}
	} else {
		embedded := miniredis.NewMiniRedis()
		if err := embedded.StartAddr("127.0.0.1:0"); err != nil {
			return fmt.Errorf("start the embedded Redis: %w", err)
		}
		s.atClose(embedded.Close)
		address = embedded.Addr()
	}
	s.redisURL = "redis://" + address
	s.redis = &redis.Pool{MaxIdle: 2, Dial: func() (redis.Conn, error) { return dialRedis(s.redisURL) }}
	s.atClose(func() { s.redis.Close() })
	return eventually(ctx, "wait for redis-server", func() error {
		conn := s.redis.Get()
		defer conn.Close()
		_, err := conn.Do("PING")
		return err
	})
}

func (s *standIns) startRealRedis(path string) (address string, err error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(path, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", s.folder, "--save", "", "--tcp-backlog", "4096")
	endWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start %s: %w", path, err)
	}
	s.redisPID = cmd.Process.Pid
	s.atClose(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil
}

func (s *standIns) startCloud(users int) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the stand-in Nextcloud: %w", err)
	}
	s.cloudURL = "http://" + listener.Addr().String()
	s.cloud = nextcloud.New(nextcloud.Options{Redis: redisPort{s.redis}, URL: s.cloudURL})
	for user := range users {
		name := userName(int32(user))
		s.cloud.AddUser(nextcloud.User{ID: name, Password: password})
	}
	server := &http.Server{Handler: s.cloud}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	s.atClose(func() { server.Close(); <-done })
	return nil
}

// behave changes how the stand-in Nextcloud feels.
func (s *standIns) behave(how Nextcloud) {
	behaviour := nextcloud.Behaviour{Delay: how.Delay, Workers: how.Workers}
	if how.Errors {
		behaviour.Fault = nextcloud.FaultError
	}
	s.cloud.Behave(behaviour)
}

func (s *standIns) atClose(f func()) { s.closers = append(s.closers, f) }

func (s *standIns) close() {
	for len(s.closers) > 0 {
		last := len(s.closers) - 1
		s.closers[last]()
		s.closers = s.closers[:last]
	}
}

// subscribers is how many daemons listen to custom events.
func subscribers(conn redis.Conn) (int, error) {
	reply, err := redis.IntMap(conn.Do("PUBSUB", "NUMSUB", "notify_custom"))
	if err != nil {
		return 0, fmt.Errorf("ask Redis who is subscribed: %w", err)
	}
	return reply["notify_custom"], nil
}

// redisPort lets the stand-in Nextcloud speak to Redis.
type redisPort struct{ pool *redis.Pool }

func (r redisPort) Publish(ctx context.Context, channel string, payload []byte) (int, error) {
	return redis.Int(r.do(ctx, "PUBLISH", channel, payload))
}

func (r redisPort) Get(ctx context.Context, key string) (string, bool, error) {
	value, err := redis.String(r.do(ctx, "GET", key))
	if errors.Is(err, redis.ErrNil) {
		return "", false, nil
	}
	return value, err == nil, err
}

func (r redisPort) Set(ctx context.Context, key, value string, ttl time.Duration) error {
	if ttl > 0 {
		_, err := r.do(ctx, "SET", key, value, "PX", ttl.Milliseconds())
		return err
	}
	_, err := r.do(ctx, "SET", key, value)
	return err
}

func (r redisPort) do(ctx context.Context, command string, args ...any) (any, error) {
	conn, err := r.pool.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.Do(command, args...)
}

const (
	startTimeout = 30 * time.Second
	retryEvery   = 2 * time.Millisecond
)

// eventually tries until it succeeds, for startTimeout.
func eventually(ctx context.Context, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	retries := time.NewTicker(retryEvery)
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

// errGone ends waiting: the process that was waited for has ended.
var errGone = errors.New("it has ended")

// tail keeps the last that a process has written.
type tail struct{ text []byte }

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}
