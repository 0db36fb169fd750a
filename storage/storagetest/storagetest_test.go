//go:build unix

package storagetest

import (
	"testing"

	"github.com/gomodule/redigo/redis"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRedisComesBack(t *testing.T) {
	server := Redis(t)
	server.Kill()
	require.Error(t, server.answers())
	server.Start()
	require.Equal(t, "PONG", server.Do("", "PING"))
	server.Stop()
}

func TestRedisClusterMovesKeys(t *testing.T) {
	nodes := RedisCluster(t)
	owner := SlotOwner(t, nodes, "", "key")
	require.Equal(t, "OK", owner.Do("", "SET", "key", "value"))
	value, err := redis.String(owner.Do("", "GET", "key"), nil)
	require.NoError(t, err)
	require.Equal(t, "value", value)
}

func TestDatabases(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) {
		server := Postgres(t)
		n := NewNextcloud(t, server.CreateDatabase("nextcloud", "user", "pass"), "oc_")
		n.Mount(1, "alice", "files")
		server.Pause()
		server.Resume()
		server.Kill()
		server.Start()
		requireMounts(t, n, 1)
	})
	t.Run("MariaDB", func(t *testing.T) {
		server := MariaDB(t)
		n := NewNextcloud(t, server.CreateDatabase("nextcloud", "user", "pass"), "oc_")
		n.Mount(1, "alice", "files")
		server.Stop()
		server.Start()
		requireMounts(t, n, 1)
	})
	t.Run("SQLite", func(t *testing.T) {
		_, db := SQLite(t, "owncloud.db")
		n := NewNextcloud(t, db, "")
		n.Mount(1, "alice", "files")
		requireMounts(t, n, 1)
		n.Unmount(1, "alice")
		requireMounts(t, n, 0)
	})
}

func requireMounts(t *testing.T, n *Nextcloud, want int) {
	t.Helper()
	var have int
	require.NoError(t, n.db.Get(&have, "SELECT COUNT(*) FROM "+n.prefix+"mounts"))
	require.Equal(t, want, have)
}
