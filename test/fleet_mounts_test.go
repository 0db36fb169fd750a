package test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// TestFleetReadsMountsOnce has files change in 200 storages, one after the other, with a client of who sees them at each of 1, 3
// and 6 daemons. The database counts the queries.
func TestFleetReadsMountsOnce(t *testing.T) {
	t.Parallel()
	onlyHere(t)
	const storages = 200
	server := storagetest.Postgres(t, "-c", "shared_preload_libraries=pg_stat_statements")
	db := server.CreateDatabase("nextcloud", "reader", "secret")
	db.MustExec("CREATE EXTENSION pg_stat_statements")
	mounts := storagetest.NewNextcloud(t, db, "oc_")
	for storage := range storages {
		mounts.Mount(uint64(storage+1), "alice", "files")
	}
	for _, size := range []int{1, 3, 6} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			s := newSite(t)
			nodes := s.fleet(size, fmt.Sprintf("DATABASE_URL=postgres://reader:secret@127.0.0.1:%d/nextcloud", server.Port))
			clients := make([]*pushClient, size)
			for i, p := range nodes {
				p.awaitSubscription()
				clients[i] = p.login("alice")
			}
			var took []time.Duration
			db.MustExec("SELECT pg_stat_statements_reset()")
			for storage := range storages {
				began := time.Now()
				s.publishAtOnce(fileEvent(uint64(storage+1), "files/a", uint64(storage+1)))
				for _, c := range clients {
					c.expect("notify_file")
				}
				took = append(took, time.Since(began))
			}
			time.Sleep(5 * time.Second) // in which all are read again
			queries := mountsQueries(t, db)
			slices.Sort(took)
			t.Logf("toll: %d daemons, %d queries; from the event to all clients %v at the median, %v at most", size, queries,
				took[len(took)/2].Round(10*time.Microsecond), took[len(took)-1].Round(10*time.Microsecond))
			require.InDelta(t, storages, queries, storages/20, "one for each storage, and a few that read many again")
			nodes[0].await("the counters say the same", func() bool {
				counted := s.counters().Queries // without those at the start, which see whether there is a database
				return counted <= queries && counted >= queries-size
			})
		})
	}
}

// mountsQueries returns how often the database was asked who sees storages.
func mountsQueries(t *testing.T, db *sqlx.DB) (n int) {
	t.Helper()
	require.NoError(t, db.Get(&n, `SELECT COALESCE(SUM(calls), 0) FROM pg_stat_statements WHERE query LIKE '%root_id = fileid%' AND query NOT LIKE '%pg_stat%'`))
	return n
}

// counters are what `occ notify_push:metrics` shows.
type counters struct {
	Active  int `json:"active_connection_count"`
	Queries int `json:"mapping_query_count"`
}

func (s *site) counters() (c counters) {
	s.t.Helper()
	s.redis.Do("", "DEL", "notify_push_metrics")
	s.publish("notify_query", `"metrics"`)
	time.Sleep(10 * time.Millisecond) // as the app waits
	text, _ := s.key("notify_push_metrics")
	_ = json.Unmarshal([]byte(text), &c)
	return c
}
