package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/notifypush/notifypush/loadtest/internal/stand"
	"github.com/notifypush/notifypush/loadtest/report"
)

func nodes(t *testing.T, r *report.StepResult, name string) []float64 {
	t.Helper()
	for _, f := range r.Figures {
		if f.Name == name {
			return f.Nodes
		}
	}
	require.Fail(t, "no such figure", "%s in %v", name, r.Figures)
	return nil
}

const fleet = `
name: fleet
clients: 30
nodes: 3
backoff: 10ms
steps:
  - connect: {}
  - publish: {events: 300}
  - restart: {name: rolling, rate: 300}
  - restart: {name: killed, node: 2, kill: true, down: 100ms, rate: 300}
  - cut: {rate: 300}
`

func TestAFleetIsRestarted(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "honest", scenario(t, fleet)))
	require.Len(t, nodes(t, got["start"], "server memory"), 3)

	requireFigures(t, got["connect"], map[string]float64{"logins": 30, "logins at Nextcloud": 30})
	require.Equal(t, []float64{10, 10, 10}, nodes(t, got["connect"], "logins at Nextcloud"), "clients go to the nodes in turn")
	requireFigures(t, got["publish"], map[string]float64{"expected": 300, "delivered": 300, "lost": 0})
	require.Len(t, nodes(t, got["publish"], "server CPU"), 3)

	requireFigures(t, got["rolling"], map[string]float64{"online at the end": 30, "lost": 0, "too many": 0})
	for _, name := range []string{"stopping took", "starting took", "logins at Nextcloud", "server CPU"} {
		require.Len(t, nodes(t, got["rolling"], name), 3, name)
	}
	logins, _ := got["rolling"].Figure("logins")
	require.GreaterOrEqual(t, logins, 30.0, "each node had clients")
	longest, _ := got["rolling"].Figure("away max")
	require.Positive(t, longest)

	requireFigures(t, got["killed"], map[string]float64{"online at the end": 30, "lost": 0, "too many": 0})
	_, several := got["killed"].Figure("stopping took")
	require.True(t, several)
	require.Empty(t, nodes(t, got["killed"], "stopping took"), "it was one node")
	requireFigures(t, got["cut"], map[string]float64{"logins": 30, "lost": 0, "too many": 0})
}

func TestEventsThatANodeLosesAreFound(t *testing.T) {
	t.Parallel()
	options := testOptions(t, "lossy", scenario(t, fleet))
	options.Servers[0].Command = strings.Replace(options.Servers[0].Command, "lossy", "$([ $NODE = 2 ] && echo lossy || echo honest)", 1)
	got := runOne(t, options)
	requireFigures(t, got["publish"], map[string]float64{"expected": 300, "lost": 10})
	lost, _ := got["rolling"].Figure("lost")
	require.Positive(t, lost, "clients were at this node and did not get them")
}

func TestARestartUnderEventsOfOneServer(t *testing.T) {
	t.Parallel()
	got := runOne(t, testOptions(t, "honest", scenario(t, `
name: alone
clients: 20
backoff: 10ms
nextcloud: {delay: 1ms}
steps:
  - connect: {}
  - restart: {down: 300ms, rate: 200}
  - publish: {events: 40}
`)))
	requireFigures(t, got["restart"], map[string]float64{
		"logins": 20, "logins at Nextcloud": 20, "waited for Nextcloud": 20, "waited for Nextcloud share": 100, "lost": 0, "too many": 0,
	})
	require.Empty(t, nodes(t, got["restart"], "logins at Nextcloud"))
	missed, _ := got["restart"].Figure("missed while away")
	require.GreaterOrEqual(t, missed, 20.0, "each client had an event every 100 ms, and nobody was there for 300 ms")
	shortest, _ := got["restart"].Figure("away p50")
	require.GreaterOrEqual(t, shortest, 300.0)
	_, mixed := got["restart"].Figure("CPU a login")
	require.False(t, mixed, "the server has worked on events, too")
	requireFigures(t, got["publish"], map[string]float64{"expected": 40, "delivered": 40})
}

func TestAFleetThatRuns(t *testing.T) {
	t.Parallel()
	around, err := stand.Start(t.Context(), stand.Population{Users: 6})
	require.NoError(t, err)
	defer around.Close()
	options := testOptions(t, "honest", scenario(t, "{name: running, clients: 6, steps: [{connect: {}}, {publish: {events: 12}}]}"))
	command := options.Servers[0].Command
	options.Servers, options.RedisURL = nil, around.RedisURL
	for i := range 2 {
		node, err := stand.NewServer(command, around, false, i)
		require.NoError(t, err)
		require.NoError(t, node.Start(t.Context(), i+1))
		defer node.Stop(context.Background())
		options.Fleet = append(options.Fleet, Node{URL: "ws://" + node.Address.String() + "/ws", MetricsURL: node.MetricsURL, PID: int(node.PID.Load())})
	}
	got := runOne(t, options)
	requireFigures(t, got["connect"], map[string]float64{"logins": 6})
	require.Len(t, nodes(t, got["connect"], "server memory"), 2)
	requireFigures(t, got["publish"], map[string]float64{"expected": 12, "delivered": 12})

	// All behind one address, as with a balancer.
	options.URL = options.Fleet[0].URL
	options.Fleet[0].URL, options.Fleet[1].URL = "", ""
	got = runOne(t, options)
	requireFigures(t, got["publish"], map[string]float64{"expected": 12, "delivered": 12})
	require.Len(t, nodes(t, got["publish"], "server memory"), 2)
}

// serveBalancer has requests go to two nodes in turn. As one that ends it does so with the first websocket.
func serveBalancer(kind string) error {
	var seen atomic.Int32
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		if kind == "ending" && r.In.URL.Path == "/ws" {
			exit(errors.New("ended as asked"))
		}
		r.Out.URL.Scheme, r.Out.URL.Host = "http", os.Getenv(fmt.Sprint("NODE_", 1+seen.Add(1)%2))
	}}
	return http.ListenAndServe(os.Getenv("BIND")+":"+os.Getenv("PORT"), proxy)
}

func TestABalancerBefore(t *testing.T) {
	t.Parallel()
	options := testOptions(t, "honest", scenario(t, `
name: balanced
clients: 20
nodes: 2
backoff: 10ms
steps:
  - connect: {}
  - publish: {events: 40}
  - cut: {}
`))
	options.Balancer = fmt.Sprintf("exec '%s' balancer lasting", options.HelperCommand[0])
	got := runOne(t, options)
	requireFigures(t, got["connect"], map[string]float64{"logins": 20, "logins at Nextcloud": 20})
	for _, logins := range nodes(t, got["connect"], "logins at Nextcloud") {
		require.Positive(t, logins, "the balancer has sent clients to each")
	}
	requireFigures(t, got["publish"], map[string]float64{"expected": 40, "delivered": 40})
	requireFigures(t, got["cut"], map[string]float64{"logins": 20})
}

func TestABalancerThatEnds(t *testing.T) {
	t.Parallel()
	options := testOptions(t, "honest", scenario(t, "{name: x, clients: 2, nodes: 2, steps: [{connect: {}}, {idle: {for: 1h}}]}"))
	options.Balancer = fmt.Sprintf("exec '%s' balancer ending", options.HelperCommand[0])
	_, err := Run(t.Context(), options)
	require.ErrorContains(t, err, "balancer ended (exit status 1)")
	require.ErrorContains(t, err, "ended as asked")
}
