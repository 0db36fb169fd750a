package loadtest

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseMetrics(t *testing.T) {
	got := parseMetrics(strings.NewReader("# HELP a b\nactive_connection_count 15000\nmessage_count_total{type=\"file\"} 3\nx\nload 1.5e3\n"))
	require.Equal(t, map[string]float64{"active_connection_count": 15000, `message_count_total{type="file"}`: 3, "load": 1500}, got)
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
