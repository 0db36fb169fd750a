package actors_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/actors"
	"github.com/notifypush/notifypush/actors/actorstest"
)

// A drained system closes everybody, spread over time, refuses those who come, also those who have logged in already, and takes
// them again when it is told to.
func TestDrain(t *testing.T) {
	bubble(t, nil, func(t *testing.T, kit *actorstest.Kit) {
		var sockets []*actorstest.Socket
		for i := range 200 {
			sockets = append(sockets, kit.Connect(t, fmt.Sprint("user", i%10)))
		}
		ended := func() (n int) {
			for _, s := range sockets {
				if code, _, _ := s.Closed(); code == 1012 {
					n++
				}
			}
			return n
		}
		require.NoError(t, kit.System.Drain())
		require.True(t, kit.System.IsDrained())
		require.ErrorIs(t, kit.System.Attach(kit.Login(t, "carol"), actorstest.NewSocket()), actors.ErrDrained)
		pass(time.Second)
		require.Greater(t, ended(), 10)
		require.Less(t, ended(), len(sockets)-10)
		require.NoError(t, kit.System.Drain(), "closes nobody twice")
		pass(10 * time.Second)
		require.Equal(t, len(sockets), ended())
		require.EqualValues(t, len(sockets), kit.System.Stats().Closed[actors.Drained])

		kit.System.Undrain()
		require.False(t, kit.System.IsDrained())
		kit.Connect(t, "alice")
		pass(time.Minute)
		require.EqualValues(t, 1, kit.System.Stats().ActiveConnections)
	})
}
