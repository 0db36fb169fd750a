package wire

import (
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRedisAtASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "redis.sock")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer listener.Close()
	said := make(chan string, 2)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			buffer := make([]byte, 1000)
			n, _ := conn.Read(buffer)
			said <- string(buffer[:n])
			io.WriteString(conn, "+OK\r\n")
			conn.Close()
		}
	}()
	for address, first := range map[string]string{
		"unix://" + path:                     "*1\r\n$4\r\nPING\r\n",
		"redis+unix://:a%20password@" + path: "*2\r\n$4\r\nAUTH\r\n$10\r\na password\r\n",
	} {
		conn, err := DialRedis(address)
		require.NoError(t, err, address)
		conn.Do("PING")
		conn.Close()
		require.Equal(t, first, <-said)
	}
}

func TestNoPasswordOfRedisIsSaid(t *testing.T) {
	_, err := DialRedis("redis://:a secret@127.0.0.1:%")
	require.ErrorContains(t, err, "Redis of the load test")
	require.NotContains(t, err.Error(), "secret")
}
