package actors_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

func TestReconfigure(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		first := kit.Connect(t, "alice")
		require.NoError(t, kit.System.Reconfigure(actors.Options{MaxConnectionsPerUser: 1, MaxConnectionTime: time.Hour, AuthRecheck: new(time.Duration)}))
		require.ErrorIs(t, kit.System.Attach(kit.Login(t, "alice"), actorstest.NewSocket()), actors.ErrTooManyConnections)
		require.EqualValues(t, 2, kit.System.Stats().Logins.Nextcloud, "remembered logins are not admitted any more")

		bob := kit.Connect(t, "bob")
		require.Error(t, kit.System.Reconfigure(actors.Options{MaxConnectionsPerUser: -1}))
		pass(time.Hour + time.Minute)
		requireClosed(t, bob, actors.LifetimeOver)
		requireOpen(t, first)
	})
}

// What is remembered of logins can be forgotten without closing a connection.
func TestForgetLogins(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		alice, bob := kit.Connect(t, "alice"), kit.Connect(t, "bob")
		require.NoError(t, kit.System.ForgetLogins("alice"))
		kit.Login(t, "alice")
		kit.Login(t, "bob")
		require.EqualValues(t, 3, kit.System.Stats().Logins.Nextcloud)
		require.NoError(t, kit.System.ForgetLogins(""))
		kit.Login(t, "bob")
		require.EqualValues(t, 4, kit.System.Stats().Logins.Nextcloud)
		requireOpen(t, alice)
		requireOpen(t, bob)
	})
}

// What a status page asks for: all users, and a page of them with their connections.
func BenchmarkWhoIsConnected(b *testing.B) {
	kit := actorstest.Start(b, nil)
	const users = 50_000
	for i := range users {
		login := &actors.Login{Identity: actors.Identity{User: fmt.Sprint("user", i)}}
		if err := kit.System.Attach(login, actorstest.NewSocket()); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("users", func(b *testing.B) {
		for b.Loop() {
			list, err := kit.System.Users(b.Context())
			require.NoError(b, err)
			require.Len(b, list, users)
		}
	})
	b.Run("connections of 100", func(b *testing.B) {
		for b.Loop() {
			for i := range 100 {
				list, err := kit.System.Connections(b.Context(), fmt.Sprint("user", i))
				require.NoError(b, err)
				require.Len(b, list, 1)
			}
		}
	})
}
