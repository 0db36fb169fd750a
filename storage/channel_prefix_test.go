package storage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// TestReceiveOfAPatchedApp publishes as an app does that puts the database's index before the names of channels.
func TestReceiveOfAPatchedApp(t *testing.T) {
	server := storagetest.Redis(t)
	for _, test := range []struct {
		database        int
		channel, prefix string
	}{{3, "3_a", "3_"}, {3, "a", ""}, {0, "0_a", "0_"}} {
		r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}, Database: test.database})
		heard := make(chan [3]string, 10)
		subscribed := make(chan struct{})
		go func() {
			_ = r.ReceiveWithPrefix(t.Context(), []string{"a", "b"}, func() { close(subscribed) }, func(prefix, channel string, payload []byte) {
				heard <- [3]string{prefix, channel, string(payload)}
			})
		}()
		<-subscribed
		server.Do("", "PUBLISH", "4_a", "of another database")
		server.Do("", "PUBLISH", test.channel, "x")
		require.Equal(t, [3]string{test.prefix, "a", "x"}, <-heard)
	}
}

// TestReceiveEndsWhereEventsMove has the options change under a subscription: with another timeout it stays, with another prefix or another
// server it ends, because the connection that it has would carry no event any more.
func TestReceiveEndsWhereEventsMove(t *testing.T) {
	server, other := storagetest.Redis(t), storagetest.Redis(t)
	options := RedisOptions{Addresses: []string{server.URL()}}
	r := newRedis(t, options)
	n := receive(t, r, "a").awaitSubscribed()
	options.ReadTimeout = 3 * time.Second
	require.NoError(t, r.Reconfigure(options))
	server.Do("", "PUBLISH", "a", "x")
	require.Equal(t, received{"a", "x"}, <-n.messages)

	options.ChannelPrefix = "3_"
	require.NoError(t, r.Reconfigure(options))
	require.ErrorIs(t, <-n.result, ErrMoved)
	n = receive(t, r, "a").awaitSubscribed()
	server.Do("", "PUBLISH", "a", "of another Nextcloud")
	server.Do("", "PUBLISH", "3_a", "y")
	require.Equal(t, received{"a", "y"}, <-n.messages)

	options.Addresses = []string{other.URL()}
	require.NoError(t, r.Reconfigure(options))
	require.ErrorIs(t, <-n.result, ErrMoved)
	n = receive(t, r, "a").awaitSubscribed()
	other.Do("", "PUBLISH", "3_a", "z")
	require.Equal(t, received{"a", "z"}, <-n.messages)
}

// TestChannelsThatAnACLAllows has one form of the names forbidden: the other one is heard, and published with.
func TestChannelsThatAnACLAllows(t *testing.T) {
	server := storagetest.Redis(t)
	for user, test := range map[string]struct {
		pattern, prefix string
	}{"plain": {"&notify_*", ""}, "patched": {"&3_notify_*", "3_"}} {
		server.Do("", "ACL", "SETUSER", user, "on", ">secret", "+@all", "~*", "resetchannels", test.pattern)
		r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}, User: user, Password: "secret", Database: 3})
		n := receive(t, r, "notify_activity", "notify_custom").awaitSubscribed()
		server.Do("", "PUBLISH", test.prefix+"notify_custom", "event")
		require.Equal(t, received{"notify_custom", "event"}, <-n.messages)
		require.Equal(t, []string{test.prefix}, r.ChannelPrefixes())
		_, err := r.Publish(t.Context(), "notify_activity", []byte("own"))
		require.NoError(t, err)
		require.Equal(t, received{"notify_activity", "own"}, <-n.messages)
	}
	server.Do("", "ACL", "SETUSER", "deaf", "on", ">secret", "+@all", "~*", "resetchannels", "&4_notify_*")
	r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}, User: "deaf", Password: "secret", Database: 3})
	err := r.Receive(t.Context(), []string{"notify_activity"}, func() {}, func(string, []byte) {})
	requireStep(t, StepSubscribe, err)
	require.ErrorContains(t, err, "NOPERM")
}

func TestChannelPrefixes(t *testing.T) {
	for _, test := range []struct {
		options RedisOptions
		want    []string
	}{
		{RedisOptions{}, []string{"", "0_"}},
		{RedisOptions{Database: 12}, []string{"", "12_"}},
		{RedisOptions{Database: 12, ChannelPrefix: "x:"}, []string{"x:"}},
		{RedisOptions{Cluster: true}, []string{""}},
	} {
		test.options.Addresses = []string{"redis://127.0.0.1:1"}
		require.Equal(t, test.want, newRedis(t, test.options).ChannelPrefixes())
	}
}

func TestSubscribers(t *testing.T) {
	server := storagetest.Redis(t)
	r := newRedis(t, RedisOptions{Addresses: []string{server.URL()}})
	receive(t, r, "a", "b").awaitSubscribed()
	receive(t, r, "a").awaitSubscribed()
	counts, err := r.Subscribers(t.Context(), "a", "b", "c")
	require.NoError(t, err)
	require.Equal(t, []int{2, 1, 0}, counts)
}
