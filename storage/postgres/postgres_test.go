package postgres

import (
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/storage/internal/dial"
)

func TestSilentPostgresIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		conn := &impatientConn{Conn: here}
		defer conn.Close()
		started := time.Now()
		_, err := conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, dial.ReplyTimeout, time.Since(started))

		require.NoError(t, conn.SetDeadline(time.Now().Add(time.Second)))
		started = time.Now()
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, time.Second, time.Since(started), "a login has less time")
	})
}
