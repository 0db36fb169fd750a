package loadtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyThisMachineIsPutUnderLoad(t *testing.T) {
	options := Options{Scenarios: []Scenario{{Name: "x"}}, HelperCommand: []string{"x"}, URL: "ws://127.0.0.1:1/ws"}
	for address, allowed := range map[string]bool{
		"redis://127.0.0.1:6379": true, "redis://127.9.9.9": true, "redis://[::1]:6379": true, "redis://localhost": true, "unix:///run/redis.sock": true,
		"redis://192.0.2.1:6379": false, "redis://[2001:db8::1]": false, "redis://[::ffff:192.0.2.1]": false, "redis://0.0.0.0": false,
	} {
		options.RedisURL = address
		err := options.check(t.Context())
		if allowed {
			require.NoError(t, err, address)
		} else {
			require.ErrorIs(t, err, ErrNotLoopback, address)
		}
	}
	options.URL, options.RedisURL = "ws://192.0.2.1/ws", "redis://127.0.0.1"
	require.ErrorIs(t, options.check(t.Context()), ErrNotLoopback)
	_, err := Run(t.Context(), options)
	require.ErrorIs(t, err, ErrNotLoopback)
	options.IOwnThisServer = true
	require.NoError(t, options.check(t.Context()))
}

func TestOptionsThatDoNotFit(t *testing.T) {
	full := Options{Scenarios: []Scenario{{Name: "x"}}, HelperCommand: []string{"x"}, Servers: []Server{{Command: "x"}}}
	require.NoError(t, full.check(t.Context()))
	for says, spoil := range map[string]func(*Options){
		"no scenario":                 func(o *Options) { o.Scenarios = nil },
		"give either":                 func(o *Options) { o.Servers = nil },
		"or the URL":                  func(o *Options) { o.URL = "ws://127.0.0.1/ws" },
		"helper":                      func(o *Options) { o.HelperCommand = nil },
		"3 servers are given":         func(o *Options) { o.Servers = []Server{{Label: "A"}, {Label: "B"}, {Label: "C"}} },
		`both servers are called "x"`: func(o *Options) { o.Servers = []Server{{Label: "x"}, {Command: "x"}} },
		"The Redis of":                func(o *Options) { o.Servers, o.URL = nil, "ws://127.0.0.1/ws" },
	} {
		o := full
		spoil(&o)
		require.ErrorContains(t, o.check(t.Context()), says[1:], says)
	}
}

func TestEndpoint(t *testing.T) {
	for url, want := range map[string]string{
		"ws://127.0.0.1:7867/push/ws": "127.0.0.1:7867 /push/ws",
		"ws://127.0.0.1":              "127.0.0.1:80 /ws",
		"http://[::1]:7867/ws":        "[::1]:7867 /ws",
	} {
		at, path, err := (&Options{URL: url}).endpoint(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, at.String()+" "+path)
	}
	_, _, err := (&Options{URL: "wss://127.0.0.1/ws"}).endpoint(t.Context())
	require.ErrorContains(t, err, "TLS")
}
