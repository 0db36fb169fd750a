package process

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestListener(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::]:0"} {
		listener, err := net.Listen("tcp", address)
		require.NoError(t, err)
		port := uint16(listener.Addr().(*net.TCPAddr).Port)
		pid, err := Listener(unix.Getpgrp(), port)
		require.NoError(t, err)
		require.Equal(t, unix.Getpid(), pid)

		_, err = Listener(1, port)
		require.ErrorContains(t, err, "in the foreground", "it is of another group")
		require.NoError(t, listener.Close())
		_, err = Listener(unix.Getpgrp(), port)
		require.Error(t, err)
	}
}
