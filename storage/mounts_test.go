package storage_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	. "github.com/notifypush/notifypush/storage"
	"github.com/notifypush/notifypush/storage/storagetest"
)

var _ actors.Mounts = (*Mounts)(nil)

func openMounts(t testing.TB, options DatabaseOptions) *Mounts {
	t.Helper()
	m, err := OpenMounts(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}

func TestMountsOfSQLite(t *testing.T) {
	path, db := storagetest.SQLite(t, "own cloud?#%41.db")
	testMounts(t, db, DatabaseOptions{Driver: SQLite, Path: path})

	t.Run("nothing is written", func(t *testing.T) {
		m := openMounts(t, DatabaseOptions{Driver: SQLite, Path: path, Prefix: "oc_"})
		_, err := m.Pool().Exec("DELETE FROM oc_mounts")
		require.ErrorContains(t, err, "readonly")
	})
	t.Run("no such file", func(t *testing.T) {
		missing := filepath.Join(t.TempDir(), "missing.db")
		m := openMounts(t, DatabaseOptions{Driver: SQLite, Path: missing})
		require.ErrorContains(t, m.Ping(t.Context()), missing)
		require.ErrorContains(t, m.Ping(t.Context()), "check the path")
		require.NoFileExists(t, missing)
	})
	t.Run("while it is written to", func(t *testing.T) {
		tx, err := db.Begin()
		require.NoError(t, err)
		defer tx.Rollback()
		_, err = tx.Exec("DELETE FROM oc_mounts")
		require.NoError(t, err)
		m := openMounts(t, DatabaseOptions{Driver: SQLite, Path: path, Prefix: "oc_"})
		mounts, err := m.MountsOfStorages(t.Context(), []uint64{1})
		require.NoError(t, err)
		require.NotEmpty(t, mounts)
	})
}

// testMounts holds for every database. options lead to db.
func testMounts(t *testing.T, db *sqlx.DB, options DatabaseOptions) {
	for _, prefix := range []string{"oc_", ""} {
		t.Run("prefix "+prefix, func(t *testing.T) {
			options := options
			options.Prefix = prefix
			testMapping(t, storagetest.NewNextcloud(t, db, prefix), openMounts(t, options))
		})
	}
	t.Run("wrong prefix", func(t *testing.T) {
		options := options
		options.Prefix = "other_"
		_, err := openMounts(t, options).MountsOfStorages(t.Context(), []uint64{1})
		require.ErrorContains(t, err, "other_mounts")
		require.ErrorContains(t, err, "check the table prefix")
	})
}

func testMapping(t *testing.T, nextcloud *storagetest.Nextcloud, m *Mounts) {
	const most = 1<<63 - 1
	everyID := []string{"alice", "alice@example.com", "O'Brien \"Bob\"", "12345", "zoë 😀", `back\slash`, "100%_"}
	for _, user := range everyID {
		nextcloud.Mount(1, user, "")
	}
	nextcloud.Mount(2, "alice", "files/shared")
	nextcloud.Mount(2, "alice", "files/other")
	nextcloud.Mount(2, "bob", "files/shared")
	nextcloud.Mount(most, "alice", "files/ümläut 😀")
	nextcloud.MountOfNothing(2, "carol")

	ofStorages := func(storages ...uint64) []actors.Mount {
		t.Helper()
		mounts, err := m.MountsOfStorages(t.Context(), storages)
		require.NoError(t, err)
		return mounts
	}
	var everybody []actors.Mount
	for _, user := range everyID {
		everybody = append(everybody, actors.Mount{Storage: 1, User: user})
	}
	require.ElementsMatch(t, everybody, ofStorages(1))
	require.ElementsMatch(t, []actors.Mount{
		{Storage: 2, User: "alice", Root: "files/shared"},
		{Storage: 2, User: "alice", Root: "files/other"},
		{Storage: 2, User: "bob", Root: "files/shared"},
		{Storage: most, User: "alice", Root: "files/ümläut 😀"},
	}, ofStorages(2, most))
	require.Empty(t, ofStorages(3))
	require.Empty(t, ofStorages(1<<64-1), "which no column can hold")
	require.Empty(t, ofStorages())

	many := make([]uint64, 70_000)
	for i := range many {
		many[i] = uint64(i)
	}
	require.Len(t, ofStorages(many...), len(everyID)+3, "more than any database takes at once")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := m.MountsOfStorages(ended, []uint64{1})
	require.ErrorIs(t, err, context.Canceled)
}

func TestOpenMountsRefuses(t *testing.T) {
	for name, options := range map[string]DatabaseOptions{
		"no driver":          {},
		"Oracle":             {Driver: "oci"},
		"quote in prefix":    {Driver: SQLite, Prefix: `oc_"; DROP TABLE x; --`},
		"backquote":          {Driver: MySQL, Prefix: "oc_`"},
		"placeholder":        {Driver: MySQL, Prefix: "oc_?"},
		"TLS mode":           {Driver: Postgres, TLS: DatabaseTLS{Mode: "sometimes"}},
		"TLS mode for MySQL": {Driver: MySQL, TLS: DatabaseTLS{Mode: "sometimes"}},
		"TLS mode in option": {Driver: Postgres, Options: map[string]string{"sslmode": "sometimes"}},
		"session attributes": {Driver: Postgres, Options: map[string]string{"target_session_attrs": "best"}},
		"connect_timeout":    {Driver: Postgres, Options: map[string]string{"connect_timeout": "soon"}},
		"host without port":  {Driver: Postgres, Hosts: []string{"db1"}},
		"port of a host":     {Driver: Postgres, Hosts: []string{"db1:x"}},
		"port of a socket":   {Driver: Postgres, Socket: "/run/.s.PGSQL.x"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := OpenMounts(options)
			require.Error(t, err)
		})
	}
}

func TestOptionsAreNamedWithoutSecrets(t *testing.T) {
	options := DatabaseOptions{Driver: MySQL, Host: "fe80::1", User: "u", Password: "secret", Name: "n"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(format, options), "secret")
		require.NotContains(t, fmt.Sprintf(format, RedisOptions{Password: "secret"}), "secret")
	}
	require.Equal(t, `MySQL at [fe80::1]:3306 (database "n", user "u")`, options.String())
}

// One operation maps 100 storages with 10 users each.
func benchmarkMapping(b *testing.B, db *sqlx.DB, options DatabaseOptions) {
	options.Prefix = "oc_"
	nextcloud := storagetest.NewNextcloud(b, db, "oc_")
	var storages []uint64
	for storage := range uint64(100) {
		storages = append(storages, storage)
		for user := range 10 {
			nextcloud.Mount(storage, fmt.Sprint("user", user), "files")
		}
	}
	m := openMounts(b, options)
	b.ReportAllocs()
	for b.Loop() {
		mounts, err := m.MountsOfStorages(b.Context(), storages)
		require.NoError(b, err)
		require.Len(b, mounts, 1000)
	}
}

func BenchmarkMapping(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) {
		path, db := storagetest.SQLite(b, "owncloud.db")
		benchmarkMapping(b, db, DatabaseOptions{Driver: SQLite, Path: path})
	})
	b.Run("PostgreSQL", func(b *testing.B) {
		server := storagetest.Postgres(b)
		db := server.CreateDatabase("nextcloud", "user", "password")
		benchmarkMapping(b, db, DatabaseOptions{
			Driver: Postgres, Host: "127.0.0.1", Port: server.Port, Name: "nextcloud", User: "user", Password: "password",
			TLS: DatabaseTLS{Mode: TLSDisable},
		})
	})
	b.Run("MariaDB", func(b *testing.B) {
		server := storagetest.MariaDB(b)
		db := server.CreateDatabase("nextcloud", "user", "password")
		benchmarkMapping(b, db, DatabaseOptions{
			Driver: MySQL, Host: "127.0.0.1", Port: server.Port, Name: "nextcloud", User: "user", Password: "password",
		})
	})
}
