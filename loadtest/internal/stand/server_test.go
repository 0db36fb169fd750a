package stand

import (
	"bytes"
	"context"
	"io"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseMetrics(t *testing.T) {
	got := parseMetrics(strings.NewReader("# HELP a b\nactive_connection_count 15000\nmessage_count_total{type=\"file\"} 3\nx\nload 1.5e3\n"))
	require.Equal(t, map[string]float64{"active_connection_count": 15000, `message_count_total{type="file"}`: 3, "load": 1500}, got)
}

// silent is the address of a server that takes connections and says nothing; heard is called when something was sent to it.
func silent(t *testing.T, heard func()) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 1))
		heard()
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
	}()
	t.Cleanup(func() { listener.Close(); <-ended })
	return listener.Addr().String()
}

func TestServersThatDoNotAnswer(t *testing.T) {
	for name, ask := range map[string]func(ctx context.Context, address string) error{
		"whether it is there": func(ctx context.Context, address string) error {
			return (&Server{Address: netip.MustParseAddrPort(address)}).answers(ctx, 1)
		},
		"its counters": func(ctx context.Context, address string) error {
			require.Nil(t, (&Server{MetricsURL: "http://" + address + "/metrics"}).Counters(ctx))
			return ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			require.ErrorIs(t, ask(ctx, silent(t, cancel)), context.Canceled)
		})
	}
}

func TestABalancerKnowsTheNodes(t *testing.T) {
	one, two := &Server{Address: netip.MustParseAddrPort("127.0.0.1:1"), metricsPort: 11}, &Server{Address: netip.MustParseAddrPort("127.0.0.1:2"), metricsPort: 12}
	b, err := NewBalancer("x", []*Server{one, two})
	require.NoError(t, err)
	require.Equal(t, []string{"BIND=127.0.0.1", "PORT=" + strconv.Itoa(int(b.Address.Port())),
		"NODE_1=127.0.0.1:1", "METRICS_PORT_1=11", "NODE_2=127.0.0.1:2", "METRICS_PORT_2=12"}, b.environment)
}

func FuzzParseMetrics(f *testing.F) {
	f.Add([]byte("event_count_total 3\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, value := range parseMetrics(bytes.NewReader(text)) {
			require.NotContains(t, name, " ")
			require.True(t, value == value || math.IsNaN(value))
		}
	})
}
