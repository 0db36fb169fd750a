package storage

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// everyCharacter is a password with each printable ASCII character, spaces and more.
const everyCharacter = ` !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_` + "`" + `abcdefghijklmnopqrstuvwxyz{|}~ äß€😀 %s%2F\n `

// listen has each client served in a goroutine, until the test ends: a connection in which a driver panicked stays
// open until it is collected.
func listen(t *testing.T, serve func(client net.Conn)) *net.TCPAddr {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var clients []net.Conn
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			clients = append(clients, client)
			go serve(client)
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-accepting
		for _, client := range clients {
			client.Close()
		}
	})
	return listener.Addr().(*net.TCPAddr)
}

func pipe(client net.Conn, address string) {
	server, err := net.Dial("tcp", address)
	if err != nil {
		client.Close()
		return
	}
	go func() { _, _ = io.Copy(server, client); server.Close() }()
	_, _ = io.Copy(client, server)
	client.Close()
}
