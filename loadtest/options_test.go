package loadtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyThisMachineIsPutUnderLoad(t *testing.T) {
	options := Options{Scenarios: []Scenario{nothing}, URL: "ws://127.0.0.1:1/ws"}
	for address, allowed := range map[string]bool{
		"redis://127.0.0.1:6379": true, "redis://127.9.9.9": true, "redis://[::1]:6379": true, "redis://localhost": true, "unix:///run/redis.sock": true,
		"redis://192.0.2.1:6379": false, "redis://[2001:db8::1]": false, "redis://[::ffff:192.0.2.1]": false, "redis://0.0.0.0": false,
	} {
		options.RedisURL = address
		err := options.Check(t.Context())
		if allowed {
			require.NoError(t, err, address)
		} else {
			require.ErrorIs(t, err, ErrNotLoopback, address)
		}
	}
	options.RedisURL, options.MetricsURL = "redis://127.0.0.1", "http://192.0.2.1:9100/metrics"
	require.ErrorIs(t, options.Check(t.Context()), ErrNotLoopback)
	options.URL, options.MetricsURL = "ws://192.0.2.1/ws", ""
	require.ErrorIs(t, options.Check(t.Context()), ErrNotLoopback)
	require.ErrorContains(t, options.Check(t.Context()), "192.0.2.1 has the address 192.0.2.1")
	_, err := Run(t.Context(), options)
	require.ErrorIs(t, err, ErrNotLoopback)
	options.IOwnThisServer = true
	require.NoError(t, options.Check(t.Context()))

	options.IOwnThisServer, options.URL = false, ""
	options.Fleet = []Node{{URL: "ws://127.0.0.1/ws"}, {URL: "ws://192.0.2.1/ws"}}
	require.ErrorIs(t, options.Check(t.Context()), ErrNotLoopback)
	options.Fleet[1] = Node{URL: "ws://127.0.0.2/ws", MetricsURL: "http://192.0.2.1/metrics"}
	require.ErrorIs(t, options.Check(t.Context()), ErrNotLoopback)
	options.Fleet[1].MetricsURL = ""
	require.NoError(t, options.Check(t.Context()))
}

func TestOptionsThatDoNotFit(t *testing.T) {
	full := Options{Scenarios: []Scenario{nothing}, HelperCommand: []string{"x"}, Servers: []Server{{Command: "x"}}}
	require.NoError(t, full.Check(t.Context()))
	for says, spoil := range map[string]func(*Options){
		"no scenario":           func(o *Options) { o.Scenarios = nil },
		"give either":           func(o *Options) { o.Servers = nil },
		"or the URL":            func(o *Options) { o.URL = "ws://127.0.0.1/ws" },
		"the command of helper": func(o *Options) { o.HelperCommand, o.Workers = nil, 1 },
		"The command of helper": func(o *Options) { o.HelperCommand, o.Busy = nil, 1 },
		"a floor need it": func(o *Options) {
			o.HelperCommand, o.Scenarios = nil, []Scenario{{Name: "x", Steps: []Step{{Floor: &Floor{Passes: 1}}}}}
		},
		"3 servers":                  func(o *Options) { o.Servers = []Server{{Label: "A"}, {Label: "B"}, {Label: "C"}} },
		`two servers of one name`:    func(o *Options) { o.Servers = []Server{{Label: "x"}, {Command: "x"}} },
		"the Redis of":               func(o *Options) { o.Servers, o.URL = nil, "ws://127.0.0.1/ws" },
		"or the function":            func(o *Options) { o.aim(); o.Publish = publishNothing },
		"the URL is missing":         func(o *Options) { o.RedisURL = "redis://127.0.0.1" },
		"metrics":                    func(o *Options) { o.MetricsURL = "http://127.0.0.1/metrics" },
		"process":                    func(o *Options) { o.PID = 1 },
		"publish function":           func(o *Options) { o.Publish = publishNothing },
		"and login":                  func(o *Options) { o.Login = func(int, string) (Login, error) { return Login{}, nil } },
		"functions of this process":  func(o *Options) { o.aim(); o.RedisURL, o.Publish, o.Workers = "", publishNothing, 1 },
		"negative":                   func(o *Options) { o.Workers = -1 },
		"Negative":                   func(o *Options) { o.Rounds = -1 },
		"clients: -1":                func(o *Options) { o.Scenarios = []Scenario{{Name: "x", Clients: -1, Steps: nothing.Steps}} },
		"clients: 2000000":           func(o *Options) { o.Scenarios = []Scenario{nothing, {Name: "x", Clients: 2e6, Steps: nothing.Steps}} },
		"of its own":                 func(o *Options) { o.aim(); o.Scenarios = []Scenario{{Name: "x", Steps: []Step{{Restart: &Restart{}}}}} },
		"not like ws://host:port/ws": func(o *Options) { o.aim(); o.URL = "127.0.0.1:7867" },
		"Not like ws://host:port/ws": func(o *Options) { o.aim(); o.URL = "ws:///ws" },
		"are those of its nodes":     func(o *Options) { o.aim(); o.Fleet, o.PID = make([]Node, 2), 1 },
		"a balancer is started":      func(o *Options) { o.aim(); o.Balancer = "x" },
		"101 nodes":                  func(o *Options) { o.aim(); o.Fleet = make([]Node, 101) },
		" like ws://host:port/ws":    func(o *Options) { o.aim(); o.URL, o.Fleet = "", []Node{{URL: "ws://127.0.0.1/ws"}, {}} },
		"invalid port":               func(o *Options) { o.aim(); o.URL = "ws://127.0.0.1:70000/ws" },
	} {
		o := full
		spoil(&o)
		require.ErrorContains(t, o.Check(t.Context()), says[1:], says)
	}
}

func publishNothing(string, []byte) error { return nil }

// nothing is the least that a scenario can be.
var nothing = Scenario{Name: "x", Steps: []Step{{Cut: &Cut{}}}}

// aim has the options be those for a server that runs.
func (o *Options) aim() { o.Servers, o.URL, o.RedisURL = nil, "ws://127.0.0.1/ws", "redis://127.0.0.1" }

func TestEndpoint(t *testing.T) {
	for url, want := range map[string]string{
		"ws://127.0.0.1:7867/push/ws": "127.0.0.1:7867 /push/ws",
		"ws://127.0.0.1":              "127.0.0.1:80 /ws",
		"http://[::1]:7867/ws":        "[::1]:7867 /ws",
	} {
		got, err := endpoint(t.Context(), url)
		require.NoError(t, err)
		require.Equal(t, want, got.Address.String()+" "+got.Path)
	}
	_, err := endpoint(t.Context(), "wss://127.0.0.1/ws")
	require.ErrorContains(t, err, "TLS")
}
