package actors_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// The 64th connection of a user is let in, the 65th is not, and nothing is written to it: the
// refusal is for who attached it to send. One that ends makes room for one.
func TestConnectionsPerUser(t *testing.T) {
	for _, limit := range []int{1, 64} {
		bubble(t, func(o *actors.Options) { o.MaxConnectionsPerUser = limit }, func(t *testing.T, kit *actorstest.Kit) {
			login := kit.Login(t, "alice")
			var sockets []*actorstest.Socket
			for range limit {
				socket := actorstest.NewSocket()
				require.NoError(t, kit.System.Attach(login, socket))
				sockets = append(sockets, socket)
			}
			refused := actorstest.NewSocket()
			require.ErrorIs(t, kit.System.Attach(login, refused), actors.ErrTooManyConnections)
			pushes(sockets[0])
			require.Empty(t, refused.Frames())
			_, _, closed := refused.Closed()
			require.False(t, closed, "it is still the caller's")
			require.EqualValues(t, limit, kit.System.Stats().ActiveConnections)
			kit.Connect(t, "bob")

			sockets[0].End(actors.ClosedByClient)
			sockets[0] = actorstest.NewSocket()
			require.NoError(t, kit.System.Attach(login, sockets[0]))
			require.ErrorIs(t, kit.System.Attach(login, actorstest.NewSocket()), actors.ErrTooManyConnections)

			for _, socket := range sockets {
				socket.End(actors.ClosedByClient)
			}
			synctest.Wait()
			require.EqualValues(t, 1, kit.System.Stats().ActiveUsers, "bob")
		})
	}
}

// The limit is exact when many come at the same moment.
func TestConnectionsPerUserAtOnce(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		login := kit.Login(t, "alice")
		var admitted atomic.Int64
		var all sync.WaitGroup
		for range 500 {
			all.Go(func() {
				if kit.System.Attach(login, actorstest.NewSocket()) == nil {
					admitted.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 64, admitted.Load())
		require.EqualValues(t, 64, kit.System.Stats().ActiveConnections)
		require.EqualValues(t, 1, kit.System.Stats().ActiveUsers)
	})
}

// Users who come and go all the time are counted exactly, whatever ends at the same moment.
func TestCountsAreExact(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		const users, rounds = 20, 100
		var all sync.WaitGroup
		for u := range users {
			user := fmt.Sprint("user", u%5)
			all.Go(func() {
				for range rounds {
					socket := kit.Connect(t, user)
					socket.End(actors.ClosedByClient)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		stats := kit.System.Stats()
		require.Zero(t, stats.ActiveConnections)
		require.Zero(t, stats.ActiveUsers)
		require.EqualValues(t, users*rounds, stats.TotalConnections)
		require.EqualValues(t, users*rounds, stats.Closed[actors.ClosedByClient])
		require.Zero(t, stats.DeadLetters)

		customs(kit, "user1", []string{"nobody is there"})
		synctest.Wait()
		socket := kit.Connect(t, "user1")
		customs(kit, "user1", []string{"m"})
		require.Equal(t, []string{"m"}, pushes(socket))
	})
}
