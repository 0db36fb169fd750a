package transport

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestAcceptedConnectionsHaveTheSilenceLimit(t *testing.T) {
	var limit int
	var err error
	require.NoError(t, accepted(t).Control(func(fd uintptr) {
		limit, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
	}))
	require.NoError(t, err)
	require.EqualValues(t, silenceLimit.Milliseconds(), limit)
}
