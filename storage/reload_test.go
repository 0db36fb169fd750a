package storage

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/storage/storagetest"
)

// TestRedisOptionsAreReadAgain has a password that is known only later, and one that changes.
func TestRedisOptionsAreReadAgain(t *testing.T) {
	server := storagetest.Redis(t, "--requirepass", "first")
	var configured atomic.Pointer[RedisOptions]
	var reads atomic.Int32
	options := func(password actors.Secret) RedisOptions {
		return RedisOptions{Addresses: []string{server.URL()}, Password: password}
	}
	set := func(o RedisOptions) { configured.Store(&o) }
	set(options(""))
	first := options("")
	first.Reload = func(context.Context) (RedisOptions, error) {
		reads.Add(1)
		return *configured.Load(), nil
	}
	r := newRedis(t, first)
	err := r.Receive(t.Context(), []string{"a"}, nil, nil)
	require.True(t, LoginRefused(err), err)
	require.EqualValues(t, 1, reads.Load())
	require.True(t, LoginRefused(r.Set(t.Context(), "key", "value", 0)))
	require.EqualValues(t, 1, reads.Load(), "not twice a second")

	set(options("first"))
	r.reload.last = time.Time{}
	receive(t, r, "a").awaitSubscribed()
	require.NoError(t, r.Set(t.Context(), "key", "value", 0))
	require.EqualValues(t, 2, reads.Load(), "what works is not read again")

	server.Do("first", "CONFIG", "SET", "requirepass", "second")
	server.Do("second", "CLIENT", "KILL", "TYPE", "normal")
	set(options("second"))
	r.reload.last = time.Time{}
	require.NoError(t, r.Set(t.Context(), "key", "value", 0))
	receive(t, r, "a").awaitSubscribed()

	set(RedisOptions{}) // which cannot be used
	server.Do("second", "CONFIG", "SET", "requirepass", "third")
	server.Do("third", "CLIENT", "KILL", "TYPE", "normal")
	r.reload.last = time.Time{}
	require.True(t, LoginRefused(r.Set(t.Context(), "key", "value", 0)))
}

func TestReloaderPausesAndSurvivesErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		r := newReloader(func(context.Context) (int, error) {
			if reads++; reads == 1 {
				return 0, errors.New("config.php is not there")
			}
			return reads, nil
		})
		got := 0
		for range 30 {
			r.then(t.Context(), func(o int) { got = o })
			time.Sleep(reloadPause / 10)
		}
		require.Equal(t, 3, reads)
		require.Equal(t, 3, got)
		newReloader[int](nil).then(t.Context(), func(int) { t.Error("nothing to read") })
	})
}
