package transport

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVirtualHosts has two Websockets share a listener: handshakes go where the route says, by the name and the path, and all else to the
// server's handler. A socket counts for one of them once it has said which.
func TestVirtualHosts(t *testing.T) {
	capacity := &Capacity{}
	a := newBench(t, loopback(t), WebsocketOptions{Capacity: capacity})
	b := newBench(t, loopback(t), WebsocketOptions{Capacity: capacity, Headers: []string{"Host"}})
	route := func(host, path string) *Websocket {
		switch host + path {
		case "a.example/push/ws":
			return a.websocket
		case "b.example/ws":
			return b.websocket
		}
		return nil
	}
	hosts := NewVirtualHosts(VirtualHostsOptions{Route: route, PrivateProxies: true, Capacity: capacity, Sockets: 4, PerAddress: 3})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := route(r.Host, r.URL.Path); to != nil {
			to.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusMisdirectedRequest)
	}))
	server.Listener = hosts.Intercept(server.Config, server.Listener)
	server.Start()
	t.Cleanup(hosts.Close)
	t.Cleanup(server.Close)
	c := &site{a, server}
	handshake := func(host, path string) string {
		return strings.NewReplacer("localhost", host, "GET /ws", "GET "+path).Replace(wireHandshake)
	}

	const here = "127.0.0.1"
	nowhere := c.visit(t, here)
	require.Equal(t, http.StatusMisdirectedRequest, nowhere.ask(handshake("b.example", "/push/ws")))
	nowhere.Close()
	first := c.visit(t, here)
	require.Equal(t, http.StatusSwitchingProtocols, first.ask(handshake("a.example", "/push/ws")))
	second := c.visit(t, here)
	require.Equal(t, http.StatusSwitchingProtocols, second.ask(handshake("b.example", "/ws")), "by net/http, because its Verifier wants a header")
	require.Equal(t, 1, a.websocket.open)
	require.Equal(t, 1, b.websocket.open)
	require.Equal(t, 2, capacity.Used())
	eventually(t, func() bool { return hosts.Weight() == 0 })
	require.Equal(t, 2, b.websocket.Weight(), "it logs in there")

	for range 2 {
		c.visit(t, here)
	}
	require.Equal(t, http.StatusServiceUnavailable, c.visit(t, here).answer(), "the sockets that are websockets count, too")
	require.NoError(t, first.Close())
	require.NoError(t, second.Close())
	eventually(t, func() bool { return capacity.Used() == 0 })
}

// TestCapacityIsShared has a Websocket that is flooded take half, and others find room beside it.
func TestCapacityIsShared(t *testing.T) {
	var capacity Capacity
	capacity.SetMost(12)
	flood := func() (held int) {
		for capacity.take(held) {
			held++
		}
		return held
	}
	require.Equal(t, 6, flood())
	require.Equal(t, 3, flood(), "half of what is left")
	require.True(t, capacity.take(0), "who has none finds room as long as there is some")
	capacity.SetMost(0)
	require.True(t, capacity.take(1000))
	require.Equal(t, 11, capacity.Used())
	capacity.give()
	require.Equal(t, 10, capacity.Used())
}

// TestShareOfTheCapacity refuses a client of a Websocket that has its share, and counts it.
func TestShareOfTheCapacity(t *testing.T) {
	capacity := &Capacity{}
	capacity.SetMost(2)
	c := newSite(t, WebsocketOptions{Capacity: capacity})
	c.server.Start()
	const here = "127.0.0.1"
	first := c.visit(t, here)
	require.Equal(t, http.StatusSwitchingProtocols, first.ask(wireHandshake))
	require.Equal(t, http.StatusServiceUnavailable, c.visit(t, here).ask(wireHandshake))
	first.Close()
	c.awaitRoom(t, here, wireHandshake, http.StatusSwitchingProtocols)
}
