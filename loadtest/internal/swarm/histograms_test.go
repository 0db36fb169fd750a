package swarm

import (
	"encoding/json"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/require"
)

func TestHistogramsOfSeveralProcessesAreOne(t *testing.T) {
	one, other := newHistograms(), newHistograms()
	for microseconds := int64(1); microseconds <= 100; microseconds++ {
		Record(one.Latency, microseconds)
		Record(other.Latency, 100+microseconds)
	}
	Record(other.LoginEnd, 1<<50)
	Record(other.Login, -5)
	encoded, err := json.Marshal(other.export())
	require.NoError(t, err)
	var decoded []*hdrhistogram.Snapshot
	require.NoError(t, json.Unmarshal(encoded, &decoded))
	one.merge(decoded)
	require.Equal(t, int64(200), one.Latency.TotalCount())
	require.Equal(t, int64(100), one.Latency.ValueAtQuantile(50))
	require.Equal(t, int64(200), one.Latency.Max())
	require.Equal(t, int64(1), one.LoginEnd.TotalCount(), "what is beyond the end counts at the end")
	require.Equal(t, int64(1), one.Login.Max())
}
