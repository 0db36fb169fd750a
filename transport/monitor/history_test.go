package monitor

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/notifypush/notifypush/actors"
	"github.com/stretchr/testify/require"
)

func TestHistory(t *testing.T) {
	problems := map[string]string{"redis": "not subscribed yet"}
	h := NewHistory(nil, func() map[string]string { return problems })
	start := time.Now()
	require.Empty(t, h.Points())
	require.Equal(t, Point{}, h.Now())
	for second := range 2*3600 + 30 {
		n := uint64(second)
		h.read(start.Add(time.Duration(second)*time.Second), actors.Stats{
			ActiveConnections: n, ActiveUsers: 7, TotalConnections: 2 * n, EventsReceived: 3 * n, Logins: actors.Logins{Refused: 4 * n},
			MessagesSent: [4]uint64{n, n, n, 2 * n}, Closed: [len(actors.Stats{}.Closed)]uint64{n},
		}, nil)
	}
	want := Point{Connections: 2*3600 + 29, Users: 7, Events: 3, Pushes: 5, Logins: 2, Refused: 4, Ended: 1}
	require.Equal(t, want, h.Now())
	points := h.Points()
	require.Len(t, points, historyLength+1)
	require.Equal(t, want, points[historyLength], "the minute under way")
	require.EqualValues(t, 2*3600, points[historyLength-1].Connections)
	require.EqualValues(t, 3600+60, points[0].Connections, "an hour is remembered")
}

func TestHistoryKnowsSinceWhen(t *testing.T) {
	var problems map[string]string
	h := NewHistory(nil, func() map[string]string { return problems })
	start := time.Now().Add(-time.Minute)
	h.read(start, actors.Stats{}, nil)
	found, ready := h.Problems()
	require.Empty(t, found)
	require.Equal(t, start, ready)

	problems = map[string]string{"redis": "connection refused"}
	h.read(start.Add(time.Second), actors.Stats{}, problems)
	problems["redis"], problems["database"] = "timeout", "no route"
	h.read(start.Add(2*time.Second), actors.Stats{}, problems)
	found, ready = h.Problems()
	require.Zero(t, ready)
	require.Equal(t, map[string]Problem{
		"redis":    {"redis", "timeout", start.Add(time.Second)}, // another reason is the same outage
		"database": {"database", "no route", start.Add(2 * time.Second)},
	}, found)

	problems = nil
	found, ready = h.Problems()
	require.Empty(t, found, "what is over is not shown until the next tick")
	require.WithinDuration(t, time.Now(), ready, 10*time.Second)
}

// One goroutine reads the counters of many servers, also of those that come later.
func TestRunHistories(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		server := func(events uint64) *History {
			stats := func() actors.Stats {
				return actors.Stats{EventsReceived: events * uint64(time.Since(began)/time.Second)}
			}
			return NewHistory(stats, func() map[string]string { return nil })
		}
		first, second := server(3), server(5)
		var mu sync.Mutex
		all := []*History{first}
		ctx, end := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			RunHistories(ctx, func() []*History {
				mu.Lock()
				defer mu.Unlock()
				return all
			})
		})
		time.Sleep(time.Minute + time.Second/2)
		require.EqualValues(t, 3, first.Now().Events)
		require.Equal(t, Point{}, second.Now())
		mu.Lock()
		all = []*History{first, second}
		mu.Unlock()
		time.Sleep(time.Minute)
		require.EqualValues(t, 3, first.Now().Events)
		require.EqualValues(t, 5, second.Now().Events)
		end()
		running.Wait()
	})
}
