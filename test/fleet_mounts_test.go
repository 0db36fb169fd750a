package test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/storagetest"
)

// TestFleetReadsMountsOnce has files change in 200 storages, one after the other, with a client of who sees them at each of 1, 3
// and 6 daemons. The database counts the queries.
func TestFleetReadsMountsOnce(t *testing.T) {
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
			require.Less(t, queries, 2*storages, "one for each storage in all, and the more that read many again the longer it takes")
			require.GreaterOrEqual(t, queries, storages)
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

// TestFleetReaderIsKilled kills the daemon that reads the mounts for all while files change in ever new storages: every client of the
// others hears of each, late for 2 s at most, and then as soon as before.
func TestFleetReaderIsKilled(t *testing.T) {
	onlyHere(t)
	const storages, interval, killAfter = 160, 50 * time.Millisecond, 40
	s := newSite(t)
	for storage := range storages {
		s.mounts.Mount(uint64(storage+1), "alice", "files")
	}
	nodes := s.fleet(3)
	reader := readerOf(nodes)
	var clients []*pushClient
	for i, p := range nodes {
		p.awaitSubscription()
		if i != reader {
			clients = append(clients, p.loginForIDs("alice"))
		}
	}
	var published [storages]atomic.Int64 // when, in microseconds
	go func() {
		for storage := range storages {
			if storage == killAfter {
				_ = nodes[reader].cmd.Process.Kill()
			}
			published[storage].Store(time.Now().UnixMicro())
			s.redis.Do("", "PUBLISH", "notify_storage_update", fmt.Sprintf(`{"storage":%d,"path":"files/a","file_id":%d}`, storage+1, storage))
			time.Sleep(interval)
		}
	}()
	for _, c := range clients {
		var worst, worstAfter time.Duration
		for range storages {
			heard := <-c.heard
			var ids []int
			require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(heard.text, "notify_file_id ")), &ids), heard.text)
			for _, id := range ids {
				if took := heard.at.Sub(time.UnixMicro(published[id].Load())); id < killAfter+100 {
					worst = max(worst, took)
				} else {
					worstAfter = max(worstAfter, took)
				}
			}
		}
		t.Logf("toll: at most %v around the kill, and %v from 5 s after it on", worst.Round(time.Millisecond), worstAfter.Round(time.Millisecond))
		require.Less(t, worst, 10*time.Second)
		require.Less(t, worstAfter, 2*time.Second, "nobody waits for an answer of the one that was killed")
	}
}

// readerOf returns the number of the daemon whose name comes first. Each has logged those of all others.
func readerOf(nodes []*pushServer) (reader int) {
	joined := regexp.MustCompile(`a node joined\s+\{"node": "([^"]+)"`)
	first := ""
	heardBy := make([]map[string]bool, len(nodes))
	for i, p := range nodes {
		heardBy[i] = map[string]bool{}
		for _, m := range joined.FindAllStringSubmatch(p.output.String(), -1) {
			heardBy[i][m[1]] = true
			if first == "" || m[1] < first {
				first = m[1]
			}
		}
	}
	return slices.IndexFunc(heardBy, func(names map[string]bool) bool { return !names[first] })
}
