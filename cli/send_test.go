package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// published is what arrived on a channel.
type published struct {
	channel string
	payload []byte
}

// subscribe listens to all of the app's channels until the test ends.
func subscribe(t *testing.T, options storage.RedisOptions) <-chan published {
	redis, err := storage.NewRedis(options)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	subscribed, ended := make(chan struct{}), make(chan struct{})
	arrived := make(chan published, 1)
	var failure error
	go func() {
		defer close(ended)
		failure = redis.Receive(ctx, actors.Channels, func() { close(subscribed) }, func(channel string, payload []byte) {
			select {
			case arrived <- published{channel, payload}:
			case <-ctx.Done(): // a test has failed before it took the one before
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		redis.Close()
	})
	select {
	case <-subscribed:
	case <-ended:
		require.NoError(t, failure)
	}
	return arrived
}

// arrival returns what arrives next.
func arrival(t *testing.T, arrived <-chan published) (next published) {
	t.Helper()
	select {
	case next = <-arrived:
	case <-time.After(patience):
		require.Fail(t, "nothing has arrived")
	}
	return next
}

func TestSendPublishesEveryEvent(t *testing.T) {
	address := storagetest.Redis(t).URL()
	arrived := subscribe(t, storage.RedisOptions{Addresses: []string{address}})
	for arguments, want := range map[string]actors.Event{
		"file 7 files/a.txt 42":                  actors.StorageUpdate{Storage: 7, Path: "files/a.txt", FileID: 42},
		"file 4294967295 files/a.txt":            actors.StorageUpdate{Storage: 4294967295, Path: "files/a.txt"},
		"group alice staff":                      actors.GroupUpdate{User: "alice"},
		"share 007":                              actors.ShareCreated{User: "007"},
		"activity alice@example.com":             actors.ActivityAdded{User: "alice@example.com"},
		"notification Ünïcode":                   actors.NotificationChanged{User: "Ünïcode"},
		"custom alice ping":                      actors.Custom{User: "alice", Text: "ping"},
		`custom alice chat {"b":1.10,"a":"<&>"}`: actors.Custom{User: "alice", Text: `chat {"b":1.10,"a":"<&>"}`},
		"pre-auth alice ticket":                  actors.TokenIssued{User: "alice", Token: "ticket"},
		"test-cookie 4294967295":                 actors.TestCookie{Value: 4294967295},
		"log notify_push=debug":                  actors.LogLevelSet{Spec: "notify_push=debug"},
		"log-restore":                            actors.LogLevelRestored{},
		"query metrics":                          actors.StatsRequested{},
		"reset":                                  actors.Reset{},
	} {
		t.Run(arguments, func(t *testing.T) {
			got := command(t.Context(), "", append([]string{"send", "--redis-url", address}, strings.Split(arguments, " ")...)...)
			require.Equal(t, 0, got.status, got.stderr)
			require.Contains(t, got.stdout, "push servers that heard it: 1.")
			published := arrival(t, arrived)
			event, err := actors.DecodeEvent(published.channel, published.payload)
			require.NoError(t, err)
			require.Equal(t, want, event)
		})
	}
}

func TestSendFindsRedisWhereTheServerDoes(t *testing.T) {
	server := storagetest.Redis(t)
	address := server.URL()
	folder := t.TempDir()
	host, port, _ := strings.Cut(server.Addr(), ":")
	configFile := filepath.Join(folder, "config.php")
	require.NoError(t, os.WriteFile(configFile, []byte(`<?php $CONFIG = ['redis' => ['host' => '`+host+`', 'port' => `+port+`]];`), 0o600))

	t.Run("flag", func(t *testing.T) {
		arrived := subscribe(t, storage.RedisOptions{Addresses: []string{address}})
		require.Equal(t, 0, command(t.Context(), "", "send", "--redis-url", address, "reset").status)
		arrival(t, arrived)
	})
	t.Run("variable", func(t *testing.T) {
		t.Setenv("REDIS_URL", address)
		arrived := subscribe(t, storage.RedisOptions{Addresses: []string{address}})
		require.Equal(t, 0, command(t.Context(), "", "send", "reset").status)
		arrival(t, arrived)
	})
	t.Run("config.php", func(t *testing.T) {
		arrived := subscribe(t, storage.RedisOptions{Addresses: []string{address}})
		require.Equal(t, 0, command(t.Context(), "", "send", "--config", configFile, "reset").status)
		arrival(t, arrived)
	})
	t.Run("prefix", func(t *testing.T) {
		arrived := subscribe(t, storage.RedisOptions{Addresses: []string{address}, ChannelPrefix: "a-"})
		require.Equal(t, 0, command(t.Context(), "", "send", "--config", configFile, "--redis-channel-prefix=a-", "reset").status)
		arrival(t, arrived)
	})
}

func TestSendFailsWhenNobodyListens(t *testing.T) {
	got := command(t.Context(), "", "send", "--redis-url", storagetest.Redis(t).URL(), "reset")
	require.Equal(t, 4, got.status)
	require.Contains(t, got.stdout, "push servers that heard it: 0.")
	require.Contains(t, got.stderr, "No push server heard it.")
}

// Of a cluster, one node cannot say who listens at another.
func TestSendToAClusterDoesNotKnowWhoListens(t *testing.T) {
	var urls []string
	for _, node := range storagetest.RedisCluster(t) {
		urls = append(urls, node.URL())
	}
	got := command(t.Context(), "", "send", "--redis-url", strings.Join(urls, ","), "reset")
	require.Equal(t, 0, got.status, got.stderr)
	require.Contains(t, got.stdout, "push servers that heard it: 0.")
}

func TestSendShowsAnExampleOfEachArgument(t *testing.T) {
	var line commandLine
	parser, err := newParser(&line, &process{ctx: t.Context()}, func(int) {})
	require.NoError(t, err)
	checked := 0
	for _, command := range parser.Model.Leaves(true) {
		if command.Parent.Name != "send" {
			continue
		}
		for _, argument := range command.Positional {
			if argument.Enum == "" {
				require.Regexp(t, "[Ss]uch as ", argument.OrigHelp, "send %s: %s", command.Name, argument.Name)
				checked++
			}
		}
	}
	require.Greater(t, checked, 10)
}

func TestSendFails(t *testing.T) {
	server := storagetest.Redis(t)
	server.Stop()
	unreachable := "redis://:hidden@" + server.Addr()
	for name, test := range map[string]struct {
		arguments []string
		status    int
		says      string
	}{
		"no event":           {[]string{"send"}, 2, "expected one of"},
		"body is no JSON":    {[]string{"send", "custom", "alice", "chat", "{"}, 2, "not JSON"},
		"bad number":         {[]string{"send", "file", "-1", "files/a.txt"}, 2, "-1"},
		"not a level":        {[]string{"send", "log", "notify_push=loud"}, 2, "is not a log level"},
		"too large":          {[]string{"send", "test-cookie", "4294967296"}, 2, "4294967296"},
		"unknown query":      {[]string{"send", "query", "weather"}, 2, "metrics"},
		"no user":            {[]string{"send", "activity", ""}, 2, `"user" is missing or empty`},
		"no token":           {[]string{"send", "pre-auth", "alice", ""}, 2, `"token" is empty`},
		"too long":           {[]string{"send", "custom", "alice", strings.Repeat("x", 8<<20+1)}, 2, "more than the 8388608 that are delivered"},
		"bad address":        {[]string{"send", "--redis-url", "http://localhost", "reset"}, 2, "--redis-url"},
		"no config.php":      {[]string{"send", "--config", "/nonexistent/config.php", "reset"}, 2, "/nonexistent/config.php"},
		"Redis is not there": {[]string{"send", "--redis-url", unreachable, "reset"}, 1, server.Addr()},
	} {
		t.Run(name, func(t *testing.T) {
			got := command(t.Context(), "", test.arguments...)
			require.Equal(t, test.status, got.status, got.stderr)
			require.Contains(t, got.stderr, test.says)
			require.NotContains(t, got.stderr, "hidden")
		})
	}
}
