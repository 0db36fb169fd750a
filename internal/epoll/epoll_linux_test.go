package epoll

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestPoller(t *testing.T) {
	p, err := New()
	require.NoError(t, err)
	type seen struct {
		tag    int32
		events uint32
	}
	events, ended := make(chan seen), make(chan error)
	go func() { ended <- p.Run(func(tag int32, e uint32) { events <- seen{tag, e} }) }()

	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(ends[0])
	require.NoError(t, p.Add(ends[0], unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLONESHOT, 7))
	_, err = unix.Write(ends[1], []byte("x"))
	require.NoError(t, err)
	require.Equal(t, seen{7, unix.EPOLLIN}, <-events)
	require.NoError(t, p.Modify(ends[0], unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLONESHOT, 8))
	require.Equal(t, seen{8, unix.EPOLLIN}, <-events, "it is armed again, and has not been read")

	require.NoError(t, unix.Close(ends[1]))
	require.NoError(t, p.Modify(ends[0], unix.EPOLLRDHUP|unix.EPOLLONESHOT, 9))
	last := <-events
	require.Equal(t, int32(9), last.tag)
	require.NotZero(t, last.events&unix.EPOLLRDHUP)

	require.NoError(t, p.Close())
	require.NoError(t, <-ended, "Close is no error of Run")
	require.Error(t, p.Add(ends[0], unix.EPOLLIN, 1))
	require.NoError(t, p.Run(nil))
}
