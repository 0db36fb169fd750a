package actors_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

func connections(t *testing.T, kit *actorstest.Kit, user string) []actors.Connection {
	t.Helper()
	list, err := kit.System.Connections(t.Context(), user)
	require.NoError(t, err)
	return list
}

// addressed is a Socket that knows where its client is.
type addressed struct{ *actorstest.Socket }

func (addressed) Address() string { return "192.0.2.1" }

func TestWhoIsConnected(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		began := time.Now()
		kit.Connect(t, "alice")
		pass(time.Minute)
		second := addressed{actorstest.NewSocket()}
		require.NoError(t, kit.System.Attach(&actors.Login{Identity: actors.Identity{User: "alice", Tag: "phone"}}, second))
		kit.Connect(t, "bob")
		users, err := kit.System.Users(t.Context())
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"alice", "bob"}, users)
		list := connections(t, kit, "alice")
		require.Len(t, list, 2)
		require.NotEqual(t, list[0].ID, list[1].ID)
		list[0].ID, list[1].ID = "", ""
		require.Equal(t, []actors.Connection{
			{User: "alice", Since: began},
			{User: "alice", Tag: "phone", Since: began.Add(time.Minute), Address: "192.0.2.1"},
		}, list)
		require.Empty(t, connections(t, kit, "nobody"))
		second.End(actors.ClosedByClient)
		require.Len(t, connections(t, kit, "alice"), 1)
	})
}

// Disconnected users are asked about when they come back, and other users notice nothing.
func TestDisconnect(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		first, second, bob := kit.Connect(t, "alice"), kit.Connect(t, "alice"), kit.Connect(t, "bob")
		require.NoError(t, kit.System.DisconnectConnection(connections(t, kit, "alice")[0].ID))
		requireClosed(t, first, actors.Disconnected)
		requireOpen(t, second)
		kit.Login(t, "alice")
		require.EqualValues(t, 3, kit.System.Stats().Logins.Nextcloud)
		require.NoError(t, kit.System.Disconnect("alice"))
		requireClosed(t, second, actors.Disconnected)
		requireOpen(t, bob)
		kit.Login(t, "alice")
		require.EqualValues(t, 4, kit.System.Stats().Logins.Nextcloud)
		kit.Login(t, "bob")
		require.EqualValues(t, 4, kit.System.Stats().Logins.Nextcloud)
		require.NoError(t, kit.System.Disconnect("nobody"))
		for _, id := range []string{"", "1", "registry0/$1", "registry0/$1/$2", "auth"} {
			require.ErrorIs(t, kit.System.DisconnectConnection(id), actors.ErrNoConnection)
		}
	})
}

func TestSend(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		first, second, bob := kit.Connect(t, "alice"), kit.Connect(t, "alice"), kit.Connect(t, "bob")
		n, err := kit.System.Send(t.Context(), "alice", "to alice")
		require.NoError(t, err)
		require.Equal(t, 2, n)
		n, err = kit.System.Send(t.Context(), "nobody", "to nobody")
		require.NoError(t, err)
		require.Zero(t, n)
		require.NoError(t, kit.System.SendTo(connections(t, kit, "alice")[1].ID, "to one"))
		require.NoError(t, kit.System.Broadcast(t.Context(), "to all"))
		require.Equal(t, []string{"to alice", "to all"}, pushes(first))
		require.Equal(t, []string{"to alice", "to one", "to all"}, pushes(second))
		require.Equal(t, []string{"to all"}, pushes(bob))
		require.Zero(t, kit.System.InFlight())

		_, err = kit.System.Send(t.Context(), "alice", "\xff")
		require.ErrorContains(t, err, "not UTF-8")
		require.ErrorContains(t, kit.System.SendTo("registry0/$1/$2", "\xff"), "not UTF-8")
		require.ErrorIs(t, kit.System.SendTo("registry0/$1/$2", "m"), actors.ErrNoConnection)
		require.ErrorContains(t, kit.System.Broadcast(t.Context(), "\xff"), "not UTF-8")
	})
}

// An Identity's Until ends the connection, and what is remembered.
func TestUntil(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		socket := actorstest.NewSocket()
		until := time.Now().Add(time.Minute)
		require.NoError(t, kit.System.Attach(&actors.Login{Identity: actors.Identity{User: "alice", Until: until}}, socket))
		pass(59 * time.Second)
		requireOpen(t, socket)
		pass(3 * time.Second)
		requireClosed(t, socket, actors.LifetimeOver)
	})
}

func TestReady(t *testing.T) {
	bubble(t, nil, func(t *testing.T, _ *actorstest.Kit) {
		kit := actorstest.New(t, nil)
		kit.Events.Refuse(context.Canceled)
		kit.System.Start()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := kit.System.Ready(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "redis")
		kit.Events.Refuse(nil)
		require.NoError(t, kit.System.Ready(t.Context()))
		require.NoError(t, kit.System.Shutdown(t.Context()))
		require.ErrorIs(t, kit.System.Ready(t.Context()), actors.ErrShutDown)
	})
}

func TestReadyEndsWithTheSystem(t *testing.T) {
	bubble(t, nil, func(t *testing.T, _ *actorstest.Kit) {
		kit := actorstest.New(t, nil)
		kit.Events.Refuse(context.Canceled)
		kit.System.Start()
		ready := make(chan error, 1)
		go func() { ready <- kit.System.Ready(t.Context()) }()
		synctest.Wait()
		require.NoError(t, kit.System.Shutdown(t.Context()))
		require.ErrorIs(t, <-ready, actors.ErrShutDown)
	})
}

func TestClientsBeforeStartAndAfterShutdown(t *testing.T) {
	bubble(t, nil, func(t *testing.T, started *actorstest.Kit) {
		require.NoError(t, started.System.Shutdown(t.Context()))
		for want, kit := range map[error]*actorstest.Kit{actors.ErrNotStarted: actorstest.New(t, nil), actors.ErrShutDown: started} {
			_, err := kit.System.Users(t.Context())
			require.ErrorIs(t, err, want)
			_, err = kit.System.Connections(t.Context(), "alice")
			require.ErrorIs(t, err, want)
			_, err = kit.System.Send(t.Context(), "alice", "m")
			require.ErrorIs(t, err, want)
			require.ErrorIs(t, kit.System.SendTo("1", "m"), want)
			require.ErrorIs(t, kit.System.Broadcast(t.Context(), "m"), want)
			require.ErrorIs(t, kit.System.Disconnect("alice"), want)
			require.ErrorIs(t, kit.System.DisconnectConnection("1"), want)
		}
	})
}
