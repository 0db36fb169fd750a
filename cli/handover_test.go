package cli

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/storagetest"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// A hand-over of any size goes through Redis in values of some MiB, and leaves nothing there.
// HANDOVER_LOGINS sets how many logins there are.
func TestHandoverInChunks(t *testing.T) {
	logins := 2*chunkLogins + 1
	if text := os.Getenv("HANDOVER_LOGINS"); text != "" {
		logins, _ = strconv.Atoi(text)
	}
	server := storagetest.Redis(t)
	redis, err := storage.NewRedis(storage.RedisOptions{Addresses: []string{server.URL()}, ReadTimeout: time.Minute})
	require.NoError(t, err)
	defer redis.Close()
	settings := config.Settings{Instance: config.Instance{Secret: "of this instance"}, Actors: actors.Options{AuthResume: new(time.Minute)}}
	h := newHandover(settings, redis, zap.NewNop())
	h.patience = time.Minute
	withKey := func(o *actors.Options) { o.AuthKey = keyOf(settings.Instance.Secret, loginsPurpose) }

	before := actorstest.Start(t, withKey)
	given := make([]actors.RememberedLogin, logins)
	for i := range given {
		digest := make([]byte, 32)
		copy(digest, fmt.Sprint(i))
		given[i] = actors.RememberedLogin{Digest: digest, User: fmt.Sprintf("a rather long user id of number %d", i), VerifiedAt: time.Now()}
	}
	before.System.Resume(given)
	began := time.Now()
	h.leave(before.System)()
	left := time.Since(began)
	chunks := (logins + chunkLogins - 1) / chunkLogins
	require.Len(t, server.Do("", "KEYS", h.key+"*"), chunks)

	after := actorstest.Start(t, withKey)
	began = time.Now()
	tried := make(chan struct{})
	h.take(t.Context(), after.System, tried)
	taken, err := after.System.Logins(t.Context())
	require.NoError(t, err)
	require.Len(t, taken, logins)
	t.Logf("%d logins in %d chunks: left in %v, taken in %v", logins, chunks, left, time.Since(began))
	for chunk := range chunks {
		_, found, err := redis.Get(t.Context(), h.chunkKey(chunk))
		require.NoError(t, err)
		require.False(t, found)
	}
}

// Who writes Redis makes no login another user's, no younger one, and none that was there before: such values are not taken, also
// not without end.
func TestHandoverIsAuthenticated(t *testing.T) {
	h := newHandover(config.Settings{Instance: config.Instance{Secret: "of this instance"}, Actors: actors.Options{AuthResume: new(time.Minute)}}, nil, zap.NewNop())
	now := time.Now()
	login := actors.RememberedLogin{Digest: make([]byte, 32), User: "mallory", VerifiedAt: now.Add(-time.Hour).Round(0)}
	value, err := h.encode(h.chunkKey(0), []actors.RememberedLogin{login}, now)
	require.NoError(t, err)
	taken, err := h.decode(h.chunkKey(0), value, now.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, login.User, taken[0].User)
	require.True(t, login.VerifiedAt.Equal(taken[0].VerifiedAt))

	body := value[64:]
	for name, test := range map[string]struct {
		key, value string
		after      time.Duration
	}{
		"another user":            {h.chunkKey(0), strings.Replace(value, "mallory", "admin", 1), 0},
		"another time":            {h.chunkKey(0), strings.Replace(value, login.VerifiedAt.Format("2006"), "2030", 1), 0},
		"another digest":          {h.chunkKey(0), strings.Replace(value, "AAAA", "BBBB", 1), 0},
		"no authentication":       {h.chunkKey(0), body, 0},
		"that of before":          {h.chunkKey(0), strings.TrimPrefix(body, "{"), 0},
		"another place":           {h.chunkKey(1), value, 0},
		"later":                   {h.chunkKey(0), value, time.Minute + 1},
		"of a clock that is fast": {h.chunkKey(0), value, -time.Minute - 1},
		"short":                   {h.chunkKey(0), "abc", 0},
		"nothing":                 {h.chunkKey(0), "", 0},
	} {
		_, err := h.decode(test.key, test.value, now.Add(test.after))
		require.Error(t, err, name)
	}
}

func FuzzHandover(f *testing.F) {
	h := newHandover(config.Settings{Instance: config.Instance{Secret: "s"}, Actors: actors.Options{AuthResume: new(time.Minute)}}, nil, zap.NewNop())
	now := time.Unix(1_800_000_000, 0) // the same in each process that fuzzes
	good, _ := h.encode(h.key, nil, now)
	f.Add(good)
	f.Add("")
	f.Fuzz(func(t *testing.T, value string) {
		if _, err := h.decode(h.key, value, now); err == nil && value != good {
			t.Fatal("made up, and taken")
		}
	})
}

// A value that was changed in Redis logs nobody in, is deleted and named in the log.
func TestChangedHandoverIsNotTaken(t *testing.T) {
	server := storagetest.Redis(t)
	redis, err := storage.NewRedis(storage.RedisOptions{Addresses: []string{server.URL()}})
	require.NoError(t, err)
	defer redis.Close()
	core, logged := observer.New(zap.WarnLevel)
	h := newHandover(config.Settings{Instance: config.Instance{Secret: "of this instance"}, Actors: actors.Options{AuthResume: new(time.Minute)}}, redis, zap.New(core))
	good, err := h.encode(h.key, []actors.RememberedLogin{{Digest: make([]byte, 32), User: "mallory", VerifiedAt: time.Now()}}, time.Now())
	require.NoError(t, err)
	for value, want := range map[string]int{good: 1, strings.Replace(good, "mallory", "admin", 1): 0} {
		require.NoError(t, redis.Set(t.Context(), h.key, value, 0))
		after := actorstest.Start(t, func(o *actors.Options) { o.AuthKey = keyOf("of this instance", loginsPurpose) })
		h.take(t.Context(), after.System, make(chan struct{}))
		taken, err := after.System.Logins(t.Context())
		require.NoError(t, err)
		require.Len(t, taken, want)
		_, found, err := redis.Get(t.Context(), h.key)
		require.NoError(t, err)
		require.False(t, found)
	}
	require.Equal(t, 1, logged.FilterMessage("cannot read the logins of the previous process").Len())
}
