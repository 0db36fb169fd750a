package fleet_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// attach returns why a user may not have one more connection at a node, or nil.
func attach(t *testing.T, n *node, user string) error {
	t.Helper()
	return n.System.Attach(n.Login(t, user), actorstest.NewSocket())
}

// A user may have as many connections in the fleet as at one node, within a heartbeat or two.
func TestConnectionsOfAUser(t *testing.T) {
	bubble(t, func(t *testing.T) {
		nodes := startFleet(t, newBus(), 3, 0)
		var sockets []*actorstest.Socket
		for range 20 {
			for _, n := range nodes {
				sockets = append(sockets, n.Connect(t, "alice"))
			}
		}
		pass(3 * time.Second)
		for i := range 4 {
			require.NoError(t, attach(t, nodes[i%2], "alice"))
			pass(3 * time.Second)
		}
		for _, n := range nodes {
			require.ErrorIs(t, attach(t, n, "alice"), actors.ErrTooManyConnections)
			require.NoError(t, attach(t, n, "bob"))
		}
		sockets[0].End(actors.ConnectionLost) // at the first
		pass(3 * time.Second)
		require.NoError(t, attach(t, nodes[2], "alice"))
		require.ErrorIs(t, attach(t, nodes[2], "alice"), actors.ErrTooManyConnections)

		nodes[0].kill() // and its clients come back elsewhere
		pass(3 * time.Second)
		for range 21 {
			require.NoError(t, attach(t, nodes[1], "alice"))
		}
		pass(3 * time.Second)
		require.ErrorIs(t, attach(t, nodes[2], "alice"), actors.ErrTooManyConnections)
	})
}

// The connections of a node that ends are free at once.
func TestConnectionsOfANodeThatEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		nodes := startFleet(t, newBus(), 2, 0)
		for range 64 {
			nodes[0].Connect(t, "alice")
		}
		pass(3 * time.Second)
		require.ErrorIs(t, attach(t, nodes[1], "alice"), actors.ErrTooManyConnections)
		require.NoError(t, nodes[0].fleet.End(t.Context()))
		synctest.Wait()
		require.NoError(t, attach(t, nodes[1], "alice"))
	})
}

// A beat tells of those users who have most connections, and of no more than it has room for.
func TestManyUsersWithManyConnections(t *testing.T) {
	bubble(t, func(t *testing.T) {
		nodes := startFleet(t, newBus(), 2, 0)
		for i := range 501 {
			for range 4 {
				nodes[0].Connect(t, fmt.Sprint("user", i))
			}
		}
		for range 64 {
			nodes[0].Connect(t, "alice")
		}
		pass(3 * time.Second)
		require.ErrorIs(t, attach(t, nodes[1], "alice"), actors.ErrTooManyConnections)
		known := 0
		for i := range 501 {
			if nodes[1].fleet.ConnectionsElsewhere(fmt.Sprint("user", i)) == 4 {
				known++
			}
		}
		require.Equal(t, 499, known)
	})
}

// Nextcloud is never asked about more logins at once than by one node, and a node that is busy alone soon has most of the places.
func TestLoginsInFlight(t *testing.T) {
	bubble(t, func(t *testing.T) {
		nodes := startFleet(t, newBus(), 2, 0)
		var running sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		defer running.Wait()
		defer cancel()
		round := 0
		ask := func(n *node, logins int) {
			n.Verifier.Block()
			round++
			for i := range logins {
				login := fmt.Sprint("user ", round, " ", i)
				running.Go(func() {
					_, _ = n.System.Authenticate(ctx, actors.Credentials{Login: login, Password: "secret"})
				})
			}
			synctest.Wait()
		}
		ask(nodes[0], 40)
		require.Equal(t, 16, nodes[0].Verifier.MostInFlight(), "its share")
		ask(nodes[1], 40)
		require.Equal(t, 16, nodes[1].Verifier.MostInFlight())
		pass(3 * time.Second)
		require.Equal(t, 16, nodes[0].Verifier.MostInFlight())
		require.Equal(t, 16, nodes[1].Verifier.MostInFlight())
		nodes[1].Verifier.Unblock()
		for range 6 { // each beat, half of what is free
			pass(1100 * time.Millisecond)
			nodes[0].Verifier.Unblock()
			ask(nodes[0], 40)
		}
		require.InDelta(t, 31, nodes[0].Verifier.MostInFlight(), 1)
		nodes[0].Verifier.Unblock()
	})
}
