package cli

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/config"
)

// Where other servers reach this one, by what it listens at and where Redis is.
func TestNodeAddress(t *testing.T) {
	for _, test := range []struct {
		clients           net.Addr
		redis, cert, want string
		instance          string
	}{
		{&net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 7867}, "redis://10.0.0.1:6379", "", "10.0.0.7:7867", ""},
		{&net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 7867}, "redis://10.0.0.1:6379", "cert.pem", "tls:10.0.0.7:7867/alice", "alice"},
		{&net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 7867}, "redis://10.0.0.1:6379", "cert.pem", "tls:10.0.0.7:7867", ""},
		{&net.TCPAddr{IP: net.IPv6unspecified, Port: 7867}, "redis://127.0.0.1:6379", "", "127.0.0.1:7867", ""},
		{&net.TCPAddr{IP: net.IPv4zero, Port: 7867}, "rediss://localhost", "", "127.0.0.1:7867", ""},
		{&net.TCPAddr{IP: net.IPv6unspecified, Port: 7867}, "unix:///run/redis.sock", "", "127.0.0.1:7867", ""},
		{&net.TCPAddr{IP: net.IPv6unspecified, Port: 7867}, "redis://nowhere.invalid:6379", "", "", ""},
		{&net.UnixAddr{Name: "/run/push.sock", Net: "unix"}, "redis://127.0.0.1:6379", "", "", ""},
	} {
		i := &instance{name: test.instance, ownAddress: nodeAddress{clients: test.clients}, settings: config.Settings{}}
		i.settings.Redis.Addresses = []string{test.redis}
		i.settings.Listen.TLSCert = test.cert
		got := i.nodeAddress()
		if test.redis == "rediss://localhost" && got == "[::1]:7867" {
			got = test.want
		}
		require.Equal(t, test.want, got)
	}
}
