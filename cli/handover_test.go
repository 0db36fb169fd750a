package cli

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
	"github.com/notifypush/notifypush/config"
	"github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/storagetest"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
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
	withKey := func(o *actors.Options) { o.AuthKey = handoverKey(settings.Instance.Secret) }

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
